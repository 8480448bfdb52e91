"""Alpha: where on the parabola along the step does the optimizer land?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.density import kernel_density
from cockpit.instruments.history import Curve, history_panel
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import format_number, format_share
from cockpit.instruments.panel import (
    Axis,
    Band,
    Line,
    Mark,
    Panel,
    Points,
    Region,
    Role,
    Rule,
    Symbol,
    Text,
)
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.scales import median

if TYPE_CHECKING:
    from cockpit.log import RunLog

LIMIT = 2.0  # alphas beyond ±LIMIT are counted at the edges
RECENT = 0.1  # the last tenth of the steps is set against all of them
TOP = 4.8  # of the axis of the parabola
FILLED = 0.6  # how much of the panel's height the higher density takes
TICKS = (
    (-2.0, "−2"),
    (-1.0, "−1\nstart"),
    (0.0, "0\nvalley floor"),
    (1.0, "1\nopposite"),
    (2.0, "2"),
)
ZONES = ("uphill", "short", "past", "loss rises")


@instrument(
    name="alpha",
    title="Step length α",
    group="step size",
    order=10,
    needs=("Alpha",),
    help=Help(
        shows="Where each step lands on a parabola fitted to the loss along it: −1 is the start, "
        "0 the valley floor, 1 the same height on the other side. Grey: the density of all steps; "
        "blue: of the last tenth. The balls are the medians.",
        good="Spread around the floor. Large networks often train best a little past it "
        "(median α > 0), small problems a little before it.",
        bad="Piled up at −1: steps too short to matter. Mostly above 1: the loss rises along "
        "the step. Many concave steps: no minimum lies ahead along the step.",
        do="Near −1: raise the learning rate. Above 1: lower it. Judge the median of many steps "
        "together with the loss, not single steps.",
        source="Thesis sections 7.2.1, 7.3.3, C.3.1, eq. C.1-C.4.",
    ),
)
def alpha(log: RunLog, view: View) -> Panel | None:
    """The parabola with both densities, and the history below."""
    if "Alpha" not in log.quantities:
        return None
    steps = _read(log, view)
    grid = np.linspace(-LIMIT, LIMIT, 161)
    densities = [kernel_density(s, -LIMIT, LIMIT, len(grid)) for s in (steps.all, steps.recent)]
    highest = max(float(d.max()) for d in densities) or 1.0
    floor = np.zeros_like(grid)
    marks: list[Mark] = [
        Region(-LIMIT, -1.0, "vertical"),
        Region(1.0, LIMIT, "vertical"),
        Rule(0.0, "vertical"),
        Band(grid, floor, densities[0], "all steps", "muted"),
        Band(grid, floor, densities[1], f"last {RECENT:.0%}".replace("%", " %"), "primary"),
        Line(grid, grid**2, role="muted", secondary_y=True),
    ]
    marks += [
        Text((i + 0.5) / len(ZONES), 0.985, zone, align="center") for i, zone in enumerate(ZONES)
    ]
    marks += [*_ball(steps.all, "muted"), *_ball(steps.recent, "primary"), *_beyond(steps.all)]
    return Panel(
        x=Axis(range=(-LIMIT, LIMIT), ticks=TICKS),
        y=Axis("density", range=(0.0, highest / FILLED), visible=False),
        y2=Axis(range=(-0.3, TOP), visible=False),
        marks=tuple(marks),
        current=format_number(median(steps.recent), 2) if len(steps.recent) else "none",
        note=steps.note,
        side={"below": below} if (below := _history(log, view)) else {},
    )


@dataclass(frozen=True)
class _Steps:
    """Alphas of the steps seen so far that have a minimum, all of them and the last tenth."""

    all: np.ndarray
    recent: np.ndarray
    note: str


def _read(log: RunLog, view: View) -> _Steps:
    """The alphas up to the view's step; concave and non-finite steps only enter the note."""
    series, notes = log.series("Alpha"), log.notes("Alpha")
    seen = len(series.step)
    if view.step is not None:
        seen = int(np.searchsorted(series.step, view.step, side="right"))
    values = series.value[:seen]
    concave = notes.where(lambda n: bool(n.get("concave")))[:seen]
    equal = int(notes.where(lambda n: n.get("weights") == "equal")[:seen].sum())
    usable = np.isfinite(values) & ~concave
    late = np.arange(seen) >= seen - max(1, round(RECENT * seen))
    texts = []
    if concave.any():
        texts.append(f"{format_share(int(concave.sum()), seen)} of steps concave, left out")
    if bad := int((~np.isfinite(values)).sum()):
        texts.append(f"{format_share(bad, seen)} not finite")
    if equal:
        texts.append(f"{format_share(equal, seen)} fitted without noise weights")
    return _Steps(values[usable], values[usable & late], joined(*texts))


def _ball(sample: np.ndarray, role: Role) -> list[Mark]:
    """The median on the parabola, at the edge if it lies beyond."""
    if len(sample) == 0:
        return []
    at = np.clip(np.array([median(sample)]), -LIMIT, LIMIT)
    return [Points(at, at**2, role=role, secondary_y=True)]


def _beyond(sample: np.ndarray) -> list[Mark]:
    """Arrows at both edges with the number of steps beyond them."""
    marks: list[Mark] = []
    edges: tuple[tuple[Symbol, float], ...] = (("left", -1.0), ("right", 1.0))
    for symbol, sign in edges:
        if count := int((sign * sample > LIMIT).sum()):
            text = f"{count:,} ({format_share(count, len(sample))})"
            at, height = np.array([sign * LIMIT]), np.array([0.4])
            marks.append(Points(at, height, "", "muted", symbol, y_axes=True, texts=(text,)))
    return marks


def _history(log: RunLog, view: View) -> Panel | None:
    """Alpha over the steps; what lies beyond the range runs out of the strip."""
    series = log.series("Alpha")
    outside = 1.1 * LIMIT
    value = np.where(
        np.isfinite(series.value), np.clip(series.value, -outside, outside), series.value
    )
    curve = Curve(series.step, value)
    rules = [Rule(at, "horizontal") for at in (-1.0, 0.0, 1.0)]
    axis = Axis("α", range=(-LIMIT, LIMIT))
    return history_panel(log, view, [curve], axis=axis, extra=rules, current="")
