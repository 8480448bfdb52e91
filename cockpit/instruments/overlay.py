"""Several runs in one picture: the panels that one instrument made of each, laid over each other.

Colors tell the runs apart, dashes the series of a run (loss and validation loss). What is the same
in all panels (zones, reference lines) is drawn once. Areas become outlines, counts shares where
runs have different totals. Maps cannot lie over each other; they stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from cockpit.instruments.multiples import side_by_side
from cockpit.instruments.notes import joined
from cockpit.instruments.outlines import Skylines, outline
from cockpit.instruments.panel import (
    Axis,
    Band,
    Heatmap,
    Line,
    Mark,
    Panel,
    Place,
    Points,
    Region,
    Rule,
)
from cockpit.instruments.run_style import SERIES_WORDS, RunStyle
from cockpit.instruments.same import same
from cockpit.instruments.scales import choose_axis, linear_threshold, median

RAW_RUNS = 2  # of so many runs the measured values are drawn under the smoothed ones
STAGGER, STAGES = 0.05, 5  # of the height, between the marks of runs at the same edge
NAMED = 3  # runs in a note
APART = 10.0  # times: runs whose values differ that much need a logarithmic axis

Part = tuple[RunStyle, Panel]


@dataclass(frozen=True)
class Room:
    """How much a comparison may show.

    Attributes:
        lines: At most so many lines; beyond, each run shows fewer series, but at least one.
        maps: At most so many maps side by side.
        legend: Whether the panel names the runs itself.
    """

    lines: int = 8
    maps: int = 6
    legend: bool = True


def overlay(parts: Sequence[Part], room: Room | None = None) -> Panel:
    """One panel for several runs.

    Args:
        parts: Style and panel of each run; the first is the one in front, whose measured values
            are shown and whose present value stands beside the title. One part at least.
        room: How much there is room for.
    """
    room = room or Room()
    front = parts[0][1]
    if any(isinstance(mark, Heatmap) for _, panel in parts for mark in panel.marks):
        return side_by_side(parts, room.maps)
    alike = [part for part in parts if _comparable(part[1], front)]
    drawn, series_note = _lay(alike, room)
    side: dict[Place, Panel] = {}
    for place in front.side:
        with_side = [(s, p.side[place]) for s, p in alike if place in p.side]
        side[place], _ = _lay(with_side, room)
    left_out = [style.label for style, panel in parts if not _comparable(panel, front)]
    return replace(
        drawn,
        title=front.title,
        group=front.group,
        current=front.current,
        note=joined(series_note, _left_out(left_out), front.note),
        side=side,
        equal=front.equal,
        legend=room.legend,
    )


def _comparable(panel: Panel, front: Panel) -> bool:
    """Whether a panel measures the same as the one in front."""
    return panel.x.label == front.x.label and panel.y.label == front.y.label


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"not comparable: {', '.join(names[:NAMED])}{more}"


def _lay(parts: Sequence[Part], room: Room) -> tuple[Panel, str]:
    """Lay the marks of panels over each other; and which series are shown, in words."""
    front = parts[0][1]
    shared = [m for m in front.marks if _is_reference(m) and _in_all(m, parts)]
    own = [[m for m in p.marks if not any(same(m, s) for s in shared)] for _, p in parts]
    names = list(dict.fromkeys(m.label for marks in own for m in marks if _is_series(m)))
    shown = tuple(names[: max(1, room.lines // len(parts))])
    bars = Skylines([(marks, panel) for marks, (_, panel) in zip(own, parts, strict=True)])
    x = _joint([p.x for _, p in parts])
    y = bars.axis or _joint([p.y for _, p in parts])
    drawn: list[Mark] = []
    for place, (style, _) in enumerate(parts):
        run = _Run(style, place, len(parts), shown, own[place])
        drawn += [made for mark in own[place] for made in run.draw(mark, x, y)]
        drawn += [run.line(line, 0) for line in bars.line(place)]
    drawn = [mark for _, mark in sorted(enumerate(reversed(drawn)), key=_layer)]
    if y.range is None:
        y = _chosen(y, _heights(drawn, False))
    y2 = None
    if any(getattr(mark, "secondary_y", False) for mark in [*shared, *drawn]):
        y2 = _joint([p.y2 for _, p in parts if p.y2 is not None])
        y2 = _chosen(y2, _heights(drawn, True)) if y2.range is None else y2
    hidden = any(isinstance(m, Band) and m.label for marks in own for m in marks)
    note = joined(_series_note(names, shown, always=hidden), bars.note)
    return Panel(x=x, y=y, y2=y2, marks=(*shared, *drawn)), note


@dataclass(frozen=True)
class _Run:
    """One run of a comparison: makes its marks from those of its panel."""

    style: RunStyle
    place: int  # 0: in front
    count: int
    shown: tuple[str, ...]  # series
    marks: Sequence[Mark]  # all of its own

    def draw(self, mark: Mark, x: Axis, y: Axis) -> list[Mark]:
        """The mark in the run's own style; nothing where it would only be in the way."""
        name = self._series(mark)
        if name is not None and name not in self.shown:
            return []
        if name is not None and _is_series(mark):
            lines = [mark] if isinstance(mark, Line) else outline(mark, x, y)
            return [self.line(line, self.shown.index(name)) for line in lines]
        raw = self.place == 0 or self.count <= RAW_RUNS
        if isinstance(mark, Line | Band) and mark.role != "muted" and raw:
            own = replace(mark, role=self.style.role)
            return [replace(own, label="") if isinstance(own, Line) else own]  # named by its color
        if isinstance(mark, Points):
            return self._points(mark)
        in_front = isinstance(mark, Rule) or (isinstance(mark, Region) and mark.role == "warning")
        return [mark] if in_front and self.place == 0 else []

    def _series(self, mark: Mark) -> str | None:
        """The series that a mark belongs to: its own, or that of the line that looks like it."""
        look = _look(mark)
        alike = (m.label for m in self.marks if _is_series(m) and _look(m) == look)
        return mark.label if _is_series(mark) else next(alike, None)

    def line(self, line: Line, series: int) -> Line:
        """A line in the run's color, with the dashes of a series."""
        dashes = self.style.dashes(series)
        name = self.shown[series] if series else ""
        return replace(
            line,
            label=f"{self.style.label} · {name}" if name else self.style.label,
            role=self.style.role,
            dash=dashes is not None,
            dashes=dashes or "dash",
        )

    def _points(self, mark: Points) -> list[Mark]:
        if mark.role == "muted":
            return []
        label = f"{self.style.label}: {mark.label}" if mark.label else ""
        y = mark.y - STAGGER * (self.place % STAGES) if mark.y_axes else mark.y
        return [replace(mark, y=y, label=label, role=self.style.role)]


def _is_reference(mark: Mark) -> bool:
    """Whether a mark is there to compare with, and may be no run's own."""
    return getattr(mark, "role", "") == "muted"


def _in_all(mark: Mark, parts: Sequence[Part]) -> bool:
    return all(any(same(mark, other) for other in panel.marks) for _, panel in parts)


def _look(mark: Mark) -> tuple[object, object]:
    """What the marks of one series have in common: color and axis."""
    return getattr(mark, "role", None), getattr(mark, "secondary_y", False)


def _is_series(mark: Mark) -> TypeGuard[Line | Band | Region]:
    """Whether a mark is one of the things that a panel is about."""
    if isinstance(mark, Line):
        return not mark.faint and (mark.role != "muted" or bool(mark.label))
    return isinstance(mark, Band | Region) and bool(mark.label) and mark.role != "muted"


def _series_note(names: Sequence[str], shown: Sequence[str], always: bool) -> str:
    """Which series of the runs are drawn how, and which are not.

    Args:
        names: Of all series.
        shown: Of those that are drawn.
        always: Whether one alone needs a name, too.
    """
    if len(names) == 1:
        return names[0] if always else ""
    if len(shown) == 1:
        return f"{shown[0]}; with fewer runs also {', '.join(names[1:])}"
    words = [f"{SERIES_WORDS[i % len(SERIES_WORDS)]}: {name}" for i, name in enumerate(shown)]
    return ", ".join(words)


def _layer(placed: tuple[int, Mark]) -> tuple[int, int]:
    """From back to front: what was measured, the lines, single points."""
    place, mark = placed
    if isinstance(mark, Points):
        return (0 if mark.y_axes else 2), place
    return int(isinstance(mark, Line) and not mark.faint), place


def _heights(marks: Sequence[Mark], secondary: bool) -> list[np.ndarray]:
    """All values that a vertical axis has to show."""
    found = [np.zeros(0)]
    for mark in marks:
        if getattr(mark, "secondary_y", False) != secondary:
            continue
        if isinstance(mark, Line) or (isinstance(mark, Points) and not mark.y_axes):
            found.append(mark.y)
        elif isinstance(mark, Band):
            found += [mark.low, mark.high]
    return found


def _joint(axes: Sequence[Axis]) -> Axis:
    """One axis for all; its range is open where one of theirs is, or where they fit one run."""
    front = axes[0]
    ranges = [axis.range for axis in axes if axis.range is not None]
    apart = ranges and max(min(r) for r in ranges) > min(max(r) for r in ranges)
    if len(ranges) < len(axes) or apart:
        return replace(front, range=None)
    widest = max(axes, key=lambda a: abs(a.range[1] - a.range[0]) if a.range else 0.0)
    ends = [end for both in ranges for end in both]
    turned = ranges[0][0] > ranges[0][1]
    low, high = min(ends), max(ends)
    return replace(widest, label=front.label, range=(high, low) if turned else (low, high))


def _chosen(axis: Axis, values: Sequence[np.ndarray]) -> Axis:
    """The scale that suits the values of all: no run is flat at zero beside a larger one."""
    chosen = replace(choose_axis(axis.label, *values), visible=axis.visible)
    sizes = [np.abs(v[np.isfinite(v) & (v != 0)]) for v in values]
    typical = [median(s) for s in sizes if s.size]
    if chosen.scale != "linear" or not typical or max(typical) / APART <= min(typical):
        return chosen
    if all((v[np.isfinite(v)] > 0).all() for v in values):
        return replace(chosen, scale="log", range=None)
    threshold = linear_threshold(np.concatenate(sizes))
    return replace(chosen, scale="symlog", range=None, linthresh=threshold)
