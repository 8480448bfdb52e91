"""Distributions as rows of blocks: densities, and histograms."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from cockpit.instruments.numbers import format_count
from cockpit.instruments.panel import Axis, Band, Bars, Panel, Points
from cockpit.instruments.scales import to_scale
from cockpit.render.terminal_blocks import Grid, columns_of, resample
from cockpit.render.terminal_paper import Paper, Span, labelled, scaled
from cockpit.render.terminal_text import STYLES, cut

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TICK = "┊"
LEAST = 0.02  # of the highest density: less is not drawn


def density_lines(panel: Panel, paper: Paper) -> list[Text]:
    """Densities over a common axis; under the last one its median and quartiles; the scale.

    On paper with one row, only the median and the quartiles.
    """
    span = panel.x.range or (0.0, 1.0)
    width = paper.picture
    bands = [mark for mark in panel.marks if isinstance(mark, Band)]
    lines = []
    for band in bands:
        height = max(float(np.nanmax(band.high)), 1e-300)
        grid = Grid(1, width)
        heights = resample(band.x, band.high / height, span, width)
        for column in np.flatnonzero(np.nan_to_num(heights) > LEAST):
            grid.bar(int(column), float(heights[column]), STYLES[band.role])
        lines.append(labelled(band.label, grid.line(0)))
    if bands and bands[-1].high.any():
        box = labelled("median, quartiles", _box(panel, bands[-1], span, width).line(0))
        lines = [box] if paper.rows == 1 else [*lines, box]
    return [*lines, scaled("", _ruler(panel.x, span, width).line(0))]


def _box(panel: Panel, band: Band, span: Span, width: int) -> Grid:
    """Whiskers from the 5 % to the 95 % quantile, a box between the quartiles, the median."""
    share = np.cumsum(band.high)
    quantiles = np.interp(QUANTILES, share / share[-1], band.x)
    for mark in panel.marks:  # the median itself is known
        if isinstance(mark, Points) and mark.role == band.role and mark.symbol == "circle":
            quantiles[2] = mark.x[-1]
    grid, style = Grid(1, width), STYLES[band.role]
    for column in columns_of(np.array([at for at, _ in panel.x.ticks]), span, width).tolist():
        grid.put(0, column, TICK, "dim")
    ends = columns_of(np.clip(quantiles, *span), span, width).tolist()
    first, left, median, right, last = ends
    for column in range(first, last + 1):
        grid.put(0, column, "━" if left <= column <= right else "─", style)
    grid.put(0, median, "●", STYLES["quaternary"])
    for mark in panel.marks:
        if isinstance(mark, Points) and mark.symbol in ("left", "right"):
            edge = 0 if mark.symbol == "left" else width - 1
            grid.put(0, edge, "◂" if edge == 0 else "▸", STYLES[mark.role])
    return grid


def _ruler(axis: Axis, span: Span, width: int) -> Grid:
    """The ticks of an axis with their texts, those first that stand in the middle."""
    grid = Grid(1, width)
    taken = np.zeros(width + 1, dtype=bool)
    middle = sum(span) / 2
    for at, text in sorted(axis.ticks, key=lambda tick: abs(tick[0] - middle)):
        (column,) = columns_of(np.array([at]), span, width).tolist()
        for label in (text.replace("\n", " "), text.partition("\n")[0]):
            shown = cut(label, width)
            start = min(max(column - len(shown.split(" ")[0]) // 2, 0), width - len(shown))
            if not taken[max(start - 1, 0) : start + len(shown) + 1].any():
                grid.write(0, start, shown, "dim")
                taken[start : start + len(shown)] = True
                break
    return grid


def bar_lines(panel: Panel, paper: Paper) -> list[Text]:
    """Bars over their axis, later ones before earlier ones, and the axis."""
    span = panel.x.range or (0.0, 1.0)
    width, rows = paper.picture, paper.rows
    centers = span[0] + (np.arange(width) + 0.5) / width * (span[1] - span[0])
    low, high = to_scale(np.array(panel.y.range or (0.0, 1.0)), panel.y).tolist()
    grid = Grid(rows, width)
    for mark in panel.marks:
        if not isinstance(mark, Bars):
            continue
        bins = np.searchsorted(mark.edges, centers, side="right") - 1
        for column in np.flatnonzero((bins >= 0) & (bins < len(mark.heights))).tolist():
            count = float(mark.heights[bins[column]])
            if count > 0:
                level = (float(to_scale(np.array(count), panel.y)) - low) / (high - low)
                for row in range(rows):
                    grid.put(row, column, " ")
                grid.bar(column, min(max(level, 0.0), 1.0), STYLES[mark.role])
    if rows == 1:
        return [scaled("", grid.line(0))]
    highest = max(float(np.max(m.heights, initial=0)) for m in panel.marks if isinstance(m, Bars))
    gutters = [
        format_count(highest),
        *[""] * (rows - 2),
        "counts, log" if panel.y.scale == "log" else "counts",
    ]
    lines = [scaled(gutter, grid.line(i)) for i, gutter in enumerate(gutters)]
    return [*lines, scaled("", _ruler(panel.x, span, width).line(0))]
