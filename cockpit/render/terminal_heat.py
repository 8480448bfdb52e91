"""Heat maps as lines of colored or shaded cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.text import Text

from cockpit.instruments.numbers import format_number, shorten
from cockpit.instruments.panel import Heatmap, Panel
from cockpit.render.colorscale import color_scale
from cockpit.render.terminal_blocks import heat_rows
from cockpit.render.terminal_paper import GUTTER, INDENT, Paper, labelled, scaled
from cockpit.render.terminal_text import words
from cockpit.render.theme import DARK

NAMED = 8  # as many rows get a line each; more are pooled


def heat_lines(panel: Panel, paper: Paper) -> list[Text]:
    """A heat map, pooled to as many rows and columns as there is room for."""
    heatmap = next(mark for mark in panel.marks if isinstance(mark, Heatmap))
    scale = color_scale(heatmap)
    colors = (DARK.diverging if scale.diverging else DARK.sequential) if paper.color else None
    levels = np.clip((scale.cells - scale.low) / (scale.high - scale.low), 0.0, 1.0)
    is_downward = panel.y.range is not None and panel.y.range[0] > panel.y.range[1]
    levels = _stretched(levels if is_downward else levels[::-1], heatmap.x_edges, paper.picture)
    names = heatmap.y_labels
    has_own_lines = 0 < len(names) <= NAMED and paper.rows > 1
    room = len(names) if has_own_lines else 2 * _heat_height(paper, len(levels))
    bounds = np.linspace(0, len(levels), min(room, len(levels)) + 1).astype(int)
    lines = heat_rows(_pool(levels, bounds), colors, doubled=not has_own_lines)
    if names:
        first = bounds[:-1] if has_own_lines else bounds[:-1:2]
        short = [shorten(names[i], GUTTER - INDENT - 1) for i in first]
        drawn = [labelled(name, line) for name, line in zip(short, lines, strict=True)]
    else:
        ends = _y_ends(panel, len(lines))
        drawn = [scaled(end, line) for end, line in zip(ends, lines, strict=True)]
    if paper.rows > 1:
        drawn.append(scaled("", _legend(scale.ticks, heatmap.scale, colors, paper.picture)))
    return drawn


def _stretched(levels: np.ndarray, edges: np.ndarray, width: int) -> np.ndarray:
    """The cell under the middle of each column of the picture, shape [rows, width]."""
    middles = edges[0] + (np.arange(width) + 0.5) / width * (edges[-1] - edges[0])
    column = np.searchsorted(edges, middles, side="right") - 1
    return levels[:, np.clip(column, 0, levels.shape[1] - 1)]


def _heat_height(paper: Paper, rows: int) -> int:
    """Lines of a heat map, each of which shows two rows."""
    return 1 if paper.rows == 1 else min(2 * paper.rows, max(rows // 2, 1))


def _pool(levels: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The largest of the rows between each two bounds, shape [len(bounds) - 1, width]."""
    return np.array([np.fmax.reduce(levels[a:b]) for a, b in pairwise(bounds)])


def _y_ends(panel: Panel, lines: int) -> list[str]:
    """The ends of the vertical axis beside the first and the last line."""
    low, high = panel.y.range or (0.0, 1.0)
    texts = [format_number(max(low, high)), format_number(min(low, high))]
    return [texts[0], *[""] * (lines - 2), texts[1]][:lines]


def _legend(
    ticks: Sequence[tuple[float, str]], kind: str, colors: Sequence[str] | None, width: int
) -> Text:
    """The ends of the color scale around a strip of its colors."""
    line = words("")
    if len(ticks) >= 2:
        strip = heat_rows(np.linspace(0, 1, 8)[None], colors, doubled=False)[0]
        line.append(f"{ticks[0][1]} ", "dim").append_text(strip)
        line.append(f" {ticks[-1][1]}" + (f"  {kind}" if kind != "linear" else ""), "dim")
    line.truncate(width)
    return line
