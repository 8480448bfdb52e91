"""Histories: the lines of quantities over steps, epochs or time, shared by many instruments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.decimation import averages, decimate, envelope
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis, Band, Line, Mark, Panel, Points, Region, Role, Rule
from cockpit.instruments.scales import choose_axis, from_scale, to_scale
from cockpit.instruments.smoothing import radii_on_log_axis, smooth, smoothing_radius

if TYPE_CHECKING:
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog

MOST_REGIONS, MOST_CROSSES = 20, 100  # more say no more
MOST_DOTS = 40
SMOOTHED_POINTS = 16_384  # of more, averages of neighbors are smoothed: the same, but cheaper
MOST_CURRENT = 4
SERIES_ROLES: tuple[Role, ...] = ("primary", "secondary", "tertiary", "quaternary")


@dataclass(frozen=True)
class Curve:
    """One series to draw.

    Attributes:
        step: Steps, shape [T], increasing.
        value: Values, shape [T]; may hold NaN and ±Inf.
        label: Its name in the legend.
        role: Its color.
        dash: Whether the line is dashed.
        secondary_y: Whether it belongs to the second axis.
        smoothed: Whether it is noisy enough to be worth smoothing.
        gaps: Whether a value that is not finite is meant to be left out, and no trouble.
        dotted: Whether each value gets a dot as long as they are few (rare measurements).
    """

    step: np.ndarray
    value: np.ndarray
    label: str = ""
    role: Role = "primary"
    dash: bool = False
    secondary_y: bool = False
    smoothed: bool = True
    dotted: bool = False
    gaps: bool = False


def series_style(index: int) -> tuple[Role, bool]:
    """Color role and dash of the ``index``-th of several series: four colors, then dashed."""
    count = len(SERIES_ROLES)
    return SERIES_ROLES[index % count], (index // count) % 2 == 1


def curve_marks(x: np.ndarray, curve: Curve, axis: Axis, view: View) -> list[Mark]:
    """Marks of one curve: a line, over its raw values where it is smoothed or summarized.

    Up to ``view.max_points`` raw values are drawn themselves; more become a min-max band.
    Smoothing happens on the axis's scale, so that a spike does not lift a logarithmic line.
    """
    finite = np.where(np.isfinite(curve.value), curve.value, np.nan)
    if axis.scale == "log":
        finite = np.where(finite > 0, finite, np.nan)
    radius = smoothing_radius(len(finite), view.smoothing) if curve.smoothed else 0
    marks: list[Mark] = []
    at, line, points = x, finite, view.max_points
    if radius > 0:
        at, line = _smoothed(x, finite, axis, radius, view)
        if len(finite) > view.max_points:
            points //= 2  # it is smooth
            low_high = envelope(x, finite, points, view.x_scale)
            marks.append(Band(*low_high, role=curve.role, secondary_y=curve.secondary_y))
        else:
            marks.append(replace(_line(x, finite, curve), faint=True))
    drawn = _line(*decimate(at, line, points, view.x_scale), curve)
    marks.append(replace(drawn, smoothed=radius > 0))
    few = curve.dotted and len(line) <= MOST_DOTS
    dots = np.isfinite(line) if few else isolated(line)
    if dots.any() and dots.sum() <= view.max_points:
        dotted = Points(at[dots], line[dots], role=curve.role, secondary_y=curve.secondary_y)
        marks.append(dotted)
    return marks


def _smoothed(
    x: np.ndarray, values: np.ndarray, axis: Axis, radius: int, view: View
) -> tuple[np.ndarray, np.ndarray]:
    """The smoothed values, and where they stand."""
    at, mapped, radii = x, to_scale(values, axis), np.full(len(x), radius)
    if view.x_scale == "log":
        radii = radii_on_log_axis(len(x), radius)
    elif not view.every_point:
        at, mapped = averages(x, mapped, SMOOTHED_POINTS)
        radii = np.full(len(at), max(1, round(radius * len(at) / len(x))))
    return at, from_scale(smooth(mapped, radii), axis)


def _line(x: np.ndarray, y: np.ndarray, curve: Curve) -> Line:
    return Line(x, y, curve.label, curve.role, dash=curve.dash, secondary_y=curve.secondary_y)


def isolated(values: np.ndarray) -> np.ndarray:
    """Which finite values have no finite neighbor, so that a line would not show them."""
    finite = np.isfinite(values)
    padded = np.concatenate([[False], finite, [False]])
    return finite & ~padded[:-2] & ~padded[2:]


def nonfinite_marks(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Mark]:
    """Where any of several curves is NaN or ±Inf: a cross where a stretch begins, and its extent.

    Args:
        parts: Positions and values of each curve, shape [T] each.
    """
    stretches = sorted(stretch for x, values in parts for stretch in _nonfinite(x, values))
    merged: list[list[float]] = []
    for start, end in stretches:
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    if not merged:
        return []
    marks: list[Mark] = [
        Region(start, end, "vertical", role="warning")
        for start, end in merged[:MOST_REGIONS]
        if end > start
    ]
    starts = np.array([start for start, _ in merged])
    if len(starts) > MOST_CROSSES:
        starts = starts[np.linspace(0, len(starts) - 1, MOST_CROSSES, dtype=int)]
    height = np.full(len(starts), 0.96)
    marks.append(Points(starts, height, "not finite", "warning", "cross", y_axes=True))
    return marks


def _nonfinite(x: np.ndarray, values: np.ndarray) -> list[tuple[float, float]]:
    """First and last position of each stretch of values that are NaN or ±Inf."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return []
    starts = np.flatnonzero(bad & ~np.concatenate([[False], bad[:-1]]))
    ends = np.flatnonzero(bad & ~np.concatenate([bad[1:], [False]]))
    return list(zip(x[starts].tolist(), x[ends].tolist(), strict=True))


def value_at(step: np.ndarray, value: np.ndarray, at: int | None) -> float | None:
    """The last value at or before a step (``None``: the very last); ``None`` if there is none."""
    end = len(step) if at is None else int(np.searchsorted(step, at, side="right"))
    return float(value[end - 1]) if end > 0 else None


def current_text(curves: Sequence[Curve], view: View) -> str:
    """The present values of the curves, e.g. ``0.31 · 12.4``; nothing if they are many."""
    if len(curves) > MOST_CURRENT:
        return ""
    values = [value_at(c.step, c.value, view.step) for c in curves]
    return " · ".join(format_number(v) for v in values if v is not None)


def history_panel(
    log: RunLog,
    view: View,
    curves: Sequence[Curve],
    *,
    label: str = "",
    label2: str = "",
    axis: Axis | None = None,
    axis2: Axis | None = None,
    note: str = "",
    current: str | None = None,
    extra: Sequence[Mark] = (),
    include: Sequence[float] = (),
) -> Panel | None:
    """The panel of one or more curves over a common horizontal axis.

    Args:
        log: The run.
        view: How to look at it.
        curves: What to draw; those without values are left out.
        label: Label of the vertical axis.
        label2: Label of the second vertical axis.
        axis: Vertical axis; chosen from the values if not given.
        axis2: Second vertical axis, likewise.
        note: Line under the title.
        current: Present value; that of the curves if not given.
        extra: Marks drawn underneath.
        include: Values that the vertical axis has to show as well.

    Returns:
        The panel; ``None`` if no curve has a value.
    """
    curves = [c for c in curves if len(c.step)]
    if not curves:
        return None
    horizontal = Horizontal(log, view)
    curves = [horizontal.clip(c) for c in curves]
    first = [c.value for c in curves if not c.secondary_y]
    second = [c.value for c in curves if c.secondary_y]
    axis = axis or choose_axis(label, *first, np.asarray(include, dtype=float))
    axis2 = axis2 or (choose_axis(label2, *second) if second else None)
    marks = [*extra, *_all_marks(curves, horizontal, axis, axis2, view)]
    text = current_text(curves, view) if current is None else current
    return Panel(
        x=horizontal.spanning(curves), y=axis, y2=axis2, marks=tuple(marks), current=text, note=note
    )


def _all_marks(
    curves: Sequence[Curve], horizontal: Horizontal, axis: Axis, axis2: Axis | None, view: View
) -> list[Mark]:
    """What is not finite, then the curves, then the view's step."""
    marks = nonfinite_marks([(horizontal.positions(c.step), c.value) for c in curves if not c.gaps])
    for curve in curves:
        used = axis2 if curve.secondary_y and axis2 else axis
        marks += curve_marks(horizontal.positions(curve.step), curve, used, view)
    if view.step is not None:
        marks.append(Rule(float(horizontal.positions(np.array([view.step]))[0]), "vertical"))
    return marks
