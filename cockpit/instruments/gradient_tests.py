"""Norm, inner product and orthogonality test in one picture: how noisy is the batch?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.layer_history import chosen_layers
from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis, Line, Mark, Panel, Points, Region, Role, Shape
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.log import RunLog

TESTS: tuple[tuple[str, str, Role], ...] = (
    ("NormTest", "norm", "primary"),
    ("InnerTest", "inner", "secondary"),
    ("OrthoTest", "ortho", "tertiary"),
)
SHAPES: dict[str, Shape] = {
    "norm": "disc", "inner": "horizontal", "ortho": "vertical",
}  # fmt: skip
LIMIT = 0.9  # above it the norm test's authors enlarge the batch
RANGES = (1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)


@instrument(
    name="gradient_tests",
    title="Gradient tests",
    group="gradients",
    order=10,
    needs=tuple(name for name, _, _ in TESTS),
    help=Help(
        shows="How far mini-batch gradients scatter around the true one, in units of the "
        "gradient's own length (the arrow). Disc: norm test. Band across the arrow: scatter along "
        "the gradient (inner product test). Band along the arrow: scatter sideways "
        "(orthogonality test).",
        good="Disc and bands are smaller than the arrow: the step direction is mostly signal.",
        bad="The disc swallows the arrow (norm test above 1): single steps are mostly noise. That "
        "is common late in training.",
        do="Enlarge the batch or lower the learning rate. Byrd et al. enlarge the batch above 0.9 "
        "(dashed circle).",
        source="Thesis C.3.5, eq. C.20, C.26, C.33, figure C.2; Byrd et al. (2012), "
        "Bollapragada et al. (2017).",
    ),
)
def gradient_tests(log: RunLog, view: View) -> Panel | None:
    """Disc and bands as of the view's step, and the three histories below."""
    present = [test for test in TESTS if test[0] in log.quantities]
    if not present:
        return None
    curves, layer = _curves(log, view, present)
    now = {label: value_at(c.step, c.value, view.step) for c in curves for label in [c.label]}
    largest = max((v for v in now.values() if v is not None and np.isfinite(v)), default=0.0)
    reach = next((r for r in RANGES if r >= 1.15 * largest), 1.15 * largest)
    axis = Axis(range=(-reach, reach))
    texts = [f"{format_number(v, 2)}" for v in now.values() if v is not None]
    return Panel(
        x=Axis("orthogonal to the gradient", range=axis.range),
        y=Axis("along the gradient", range=axis.range),
        marks=(*_zones(now, reach), *_reference()),
        current=" · ".join(texts),
        note=f"layer {layer}" if layer else "",
        side={"below": below} if (below := history_panel(log, view, curves)) else {},
        equal=True,
    )


def _curves(
    log: RunLog, view: View, present: list[tuple[str, str, Role]]
) -> tuple[list[Curve], str]:
    """The histories of the network, or of the first chosen layer, and that layer's name."""
    chosen = chosen_layers(log, view)
    curves = []
    for name, label, role in present:
        series = log.series(name)
        step, value = series.step, series.value
        if chosen:
            steps, values = log.layer_series(name)
            step, value = steps, values[:, chosen[0][0]]
        curves.append(Curve(step, value, label, role))
    return curves, chosen[0][1] if chosen else ""


def _zones(now: dict[str, float | None], reach: float) -> list[Mark]:
    """Disc and bands; a value that is not finite is marked by a cross at the center."""
    marks: list[Mark] = []
    for _, label, role in TESTS:
        value = now.get(label)
        if value is None:
            continue
        if not np.isfinite(value):
            zero = np.zeros(1)
            marks.append(Points(zero, zero, "not finite", "warning", "cross"))
            continue
        low = 0.0 if SHAPES[label] == "disc" else -value
        marks.append(Region(low, value, SHAPES[label], label, role, outlined=True))
    return marks


def _reference() -> list[Mark]:
    """The gradient as an arrow of length one that ends at the center, and the circle of 0.9."""
    angle = np.linspace(0, 2 * np.pi, 121)
    zero = np.zeros(1)
    return [
        Line(LIMIT * np.cos(angle), LIMIT * np.sin(angle), role="muted", dash=True),
        Line(np.zeros(2), np.array([-1.0, 0.0]), role="muted"),
        Points(zero, zero, role="muted", symbol="up"),
    ]
