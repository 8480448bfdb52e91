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
    turned = panel.y.range is not None and panel.y.range[0] > panel.y.range[1]
    levels = levels if turned else levels[::-1]
    names = list(heatmap.y_labels)
    width = paper.picture
    edges = heatmap.x_edges
    centers = edges[0] + (np.arange(width) + 0.5) / width * (edges[-1] - edges[0])
    column = np.clip(np.searchsorted(edges, centers, side="right") - 1, 0, levels.shape[1] - 1)
    each = bool(names) and len(names) <= NAMED and paper.rows > 1
    room = len(names) if each else 2 * _heat_height(paper, len(levels))
    bounds = np.linspace(0, len(levels), min(room, len(levels)) + 1).astype(int)
    pooled = _pool(levels[:, column], bounds)
    lines = heat_rows(pooled, colors, doubled=not each)
    first = bounds[:-1] if each else bounds[:-1:2]
    if names:
        room = GUTTER - INDENT - 1
        drawn = [
            labelled(shorten(names[i], room), line) for i, line in zip(first, lines, strict=True)
        ]
    else:
        drawn = [scaled(g, x) for g, x in zip(_y_ends(panel, len(lines)), lines, strict=True)]
    if paper.rows > 1:
        drawn.append(scaled("", _legend(scale.ticks, heatmap.scale, colors, width)))
    return drawn


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
