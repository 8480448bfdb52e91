"""Areas as outlines, so that those of several runs can lie over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cockpit.instruments.panel import Axis, Band, Bars, Line, Mark, Panel, Region

FAR = 10.0  # times the range: a border that leaves the picture, however wide that is drawn
BREAK = np.array([np.nan])


def outline(mark: Mark, x_axis: Axis, y_axis: Axis) -> list[Line]:
    """The border of a band or region, as one line; nothing for other marks.

    Args:
        mark: A :class:`Band` or :class:`Region`.
        x_axis: The horizontal axis that it spans.
        y_axis: The vertical one.
    """
    if isinstance(mark, Band):
        x, y = mark.x, mark.high
        if np.any(mark.low != 0):
            x, y = np.concatenate([x, BREAK, x]), np.concatenate([y, BREAK, mark.low])
        return [Line(x, y, mark.label, mark.role, secondary_y=mark.secondary_y)]
    if not isinstance(mark, Region):
        return []
    if mark.shape == "disc":
        angle = np.linspace(0, 2 * np.pi, 121)
        x, y = mark.high * np.cos(angle), mark.high * np.sin(angle)
        return [Line(x, y, mark.label, mark.role)]
    lying = mark.shape == "horizontal"
    low, high = (x_axis if lying else y_axis).range or (0.0, 1.0)
    along = np.array([low, high]) + FAR * (high - low) * np.array([-1, 1])
    along = np.concatenate([along, BREAK, along])
    across = np.array([mark.low, mark.low, np.nan, mark.high, mark.high])
    x, y = (along, across) if lying else (across, along)
    return [Line(x, y, mark.label, mark.role)]


class Skylines:
    """The bars of several runs as the lines of their tops.

    Counts are comparable where all runs have the same bins and the same total; else they become
    shares of the run's total, per unit of the horizontal axis where the bins differ.

    Args:
        runs: Marks and panel of each run; some marks are bars, or none.

    Attributes:
        axis: The vertical axis for the lines; ``None`` if there are no bars.
        note: What was done to the counts; empty if nothing.
    """

    def __init__(self, runs: Sequence[tuple[Sequence[Mark], Panel]]) -> None:
        self._bars = [_outer([m for m in marks if isinstance(m, Bars)]) for marks, _ in runs]
        self.axis: Axis | None = None
        self.note = ""
        self._floor = 0.0
        drawn = [bars for bars in self._bars if bars]
        if drawn:
            self._rescale(drawn, runs[0][1].y)

    def _rescale(self, drawn: Sequence[Sequence[Bars]], axis: Axis) -> None:
        totals = {sum(float(b.heights.sum()) for b in bars) for bars in drawn}
        edges = [np.concatenate([b.edges for b in bars]) for bars in drawn]
        alike = all(np.array_equal(edges[0], other) for other in edges)
        label = axis.label
        if len(totals) > 1 or not alike:
            self._bars = [_shares(bars, per_unit=not alike) for bars in self._bars]
            label = f"share of {axis.label} [%]" + ("" if alike else " per unit")
            self.note = "as shares: the runs count different numbers"
        heights = np.concatenate([b.heights for bars in self._bars for b in bars])
        positive = heights[heights > 0]
        low = 0.7 * float(positive.min()) if positive.size else 0.7
        high = 2.5 * float(positive.max()) if positive.size else 1.0
        if axis.scale != "log":
            low = 0.0
        self._floor = low
        self.axis = replace(axis, label=label, range=(low, high))

    def line(self, place: int) -> list[Line]:
        """The line of a run's bars, NaN between bars that do not touch; empty if it has none."""
        bars = self._bars[place]
        if not bars:
            return []
        xs: list[np.ndarray] = []
        ys: list[np.ndarray] = []
        for one in sorted(bars, key=lambda b: float(b.edges[0])):
            tops = np.maximum(one.heights.astype(float), self._floor)
            xs += [np.repeat(one.edges, 2), BREAK]
            ys += [np.concatenate([[self._floor], np.repeat(tops, 2), [self._floor]]), BREAK]
        return [Line(np.concatenate(xs)[:-1], np.concatenate(ys)[:-1])]


def _outer(bars: Sequence[Bars]) -> list[Bars]:
    """Those that are not part of an earlier one (the exact zeros are part of their bin)."""
    kept: list[Bars] = []
    for one in bars:
        low, high = one.edges[0], one.edges[-1]
        if not any(k.edges[0] <= low and high <= k.edges[-1] for k in kept):
            kept.append(one)
    return kept


def _shares(bars: Sequence[Bars], per_unit: bool) -> list[Bars]:
    """Heights in percent of the run's total."""
    total = sum(float(one.heights.sum()) for one in bars) or 1.0
    width = [np.diff(one.edges) if per_unit else 1.0 for one in bars]
    return [
        replace(one, heights=100.0 * one.heights / total / w)
        for one, w in zip(bars, width, strict=True)
    ]
