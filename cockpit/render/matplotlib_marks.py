"""Marks drawn by matplotlib: one function per kind of mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from cockpit.instruments.panel import (
    Band,
    Bars,
    Heatmap,
    Line,
    Mark,
    Points,
    Region,
    Rule,
    Text,
)
from cockpit.render.colorscale import ColorScale, color_scale
from cockpit.render.theme import Theme

MARKERS = {"circle": "o", "cross": "X", "left": "<", "right": ">", "up": "^", "down": "v"}
DASHES = {"dash": (4, 2), "dot": (1, 1.6), "dashdot": (6, 2, 1.4, 2)}
SMALL = 6.2  # points, text inside panels


def _halo(theme: Theme) -> withStroke:
    """Keeps text legible on top of marks."""
    return withStroke(linewidth=2, foreground=theme.surface)


def _line(ax: Axes, mark: Line, theme: Theme) -> None:
    width = 0.7 if mark.faint else 0.9 if mark.role == "muted" else 1.3
    ax.plot(
        mark.x, mark.y,
        color=theme.colors[mark.role],
        alpha=0.35 if mark.faint else 1.0,
        linewidth=width,
        linestyle=(0, DASHES[mark.dashes]) if mark.dash else "-",
        solid_capstyle="round", solid_joinstyle="round",
        zorder=2.2 if mark.faint or mark.role == "muted" else 3,
    )  # fmt: skip


def _points(ax: Axes, mark: Points, theme: Theme) -> None:
    edge = mark.symbol in ("left", "right", "up", "down", "cross")
    transform = ax.get_xaxis_transform() if mark.y_axes else ax.transData
    ax.plot(
        mark.x, mark.y, MARKERS[mark.symbol],
        color=theme.colors[mark.role], transform=transform, clip_on=not edge,
        markersize=5.0 if edge else 4.6,
        markeredgecolor=theme.surface, markeredgewidth=0.7, zorder=5,
    )  # fmt: skip
    shift = -6 if mark.symbol == "right" else 6
    for x, y, text in zip(mark.x, mark.y, mark.texts, strict=False):
        ax.annotate(
            text, (x, y), (shift, 0), xycoords=transform, textcoords="offset points",
            ha="right" if shift < 0 else "left", va="center",
            color=theme.muted_text, fontsize=SMALL, zorder=6,
        )  # fmt: skip


def _band(ax: Axes, mark: Band, theme: Theme) -> None:
    color = theme.colors[mark.role]
    ax.fill_between(mark.x, mark.low, mark.high, color=color, alpha=0.22, linewidth=0, zorder=2)
    for edge in (mark.low, mark.high):  # a spike narrower than a pixel is still a line
        ax.plot(mark.x, edge, color=color, alpha=0.45, linewidth=0.5, zorder=2.1)


def _bars(ax: Axes, mark: Bars, theme: Theme) -> None:
    color = theme.colors[mark.role]
    log = (ax.get_xscale() if mark.horizontal else ax.get_yscale()) == "log"
    floor = 1e-9 if log else 0.0
    ax.stairs(
        np.maximum(mark.heights, floor), mark.edges, baseline=floor,
        orientation="horizontal" if mark.horizontal else "vertical",
        fill=not mark.outline, color=color, linewidth=1.2 if mark.outline else 0, zorder=2.5,
    )  # fmt: skip
    if not mark.outline and len(mark.heights) > 1:
        _gaps_between(ax, mark, theme)


def _gaps_between(ax: Axes, mark: Bars, theme: Theme) -> None:
    """Hairlines in the panel's color between bars, so that single bins can be told apart."""
    heights = np.minimum(mark.heights[:-1], mark.heights[1:])
    inner = mark.edges[1:-1]
    floor = 1e-9
    segments = [
        [(floor, e), (h, e)] if mark.horizontal else [(e, floor), (e, h)]
        for e, h in zip(inner, heights, strict=True)
        if h > 0
    ]
    ax.add_collection(
        LineCollection(segments, colors=theme.surface, linewidths=0.35, zorder=2.6),
        autolim=False,
    )


def _color_map(scale: ColorScale, theme: Theme) -> LinearSegmentedColormap:
    colors = theme.diverging if scale.diverging else theme.sequential
    return LinearSegmentedColormap.from_list("cockpit", list(colors))


def _heatmap(ax: Axes, mark: Heatmap, theme: Theme) -> None:
    scale = color_scale(mark)
    mesh = ax.pcolormesh(
        mark.x_edges, mark.y_edges, np.ma.masked_invalid(scale.cells),
        cmap=_color_map(scale, theme),
        vmin=scale.low, vmax=scale.high, rasterized=mark.z.size > 5000, zorder=2,
        linewidth=0, antialiased=False,
    )  # fmt: skip
    mesh.set_edgecolor("face")


def _rule(ax: Axes, mark: Rule, theme: Theme) -> None:
    style: dict[str, Any] = {
        "color": theme.colors[mark.role], "linewidth": 0.65, "dashes": (3, 2), "zorder": 2.3,
    }  # fmt: skip
    if mark.orientation == "horizontal":
        ax.axhline(mark.at, **style)
        position, transform, offset = (0.0, mark.at), ax.get_yaxis_transform(), (3, 2)
        align = "bottom"
    else:
        ax.axvline(mark.at, **style)
        position, transform, offset = (mark.at, 1.0), ax.get_xaxis_transform(), (2, -2)
        align = "top"
    if mark.label:
        ax.annotate(
            mark.label, position, offset, xycoords=transform, textcoords="offset points",
            color=theme.muted_text, fontsize=SMALL, zorder=6, ha="left", va=align,
            path_effects=[_halo(theme)],
        )  # fmt: skip


def _region(ax: Axes, mark: Region, theme: Theme) -> None:
    color = theme.colors[mark.role]
    fill: dict[str, Any] = {
        "color": color,
        "alpha": 0.1 if mark.role == "muted" else 0.16,
        "linewidth": 0,
    }
    edge: dict[str, Any] = {"color": color, "linewidth": 1.3, "zorder": 3}
    if mark.shape == "disc":
        ax.add_patch(Circle((0, 0), mark.high, **fill, zorder=1.5))
        if mark.outlined:
            ax.add_patch(Circle((0, 0), mark.high, fill=False, **edge))
        return
    span, line = (
        (ax.axhspan, ax.axhline) if mark.shape == "horizontal" else (ax.axvspan, ax.axvline)
    )
    span(mark.low, mark.high, **fill, zorder=1.4)
    if mark.outlined:
        line(mark.low, **edge)
        line(mark.high, **edge)


def _text(ax: Axes, mark: Text, theme: Theme) -> None:
    color = theme.muted_text if mark.role == "muted" else theme.colors[mark.role]
    top = mark.y > 0.8
    ax.text(
        mark.x, mark.y, mark.text, transform=ax.transAxes, color=color, fontsize=SMALL,
        ha=mark.align, va="top" if top else "center", zorder=6, wrap=True,
        path_effects=[_halo(theme)],
    )  # fmt: skip


DRAW: dict[type, Callable[[Axes, Any, Theme], None]] = {
    Line: _line,
    Points: _points,
    Band: _band,
    Bars: _bars,
    Heatmap: _heatmap,
    Rule: _rule,
    Region: _region,
    Text: _text,
}


def draw_mark(ax: Axes, ax2: Axes | None, mark: Mark, theme: Theme) -> None:
    """Draw one mark.

    Args:
        ax: The axes.
        ax2: The axes of the second vertical axis, if there is one.
        mark: What to draw.
        theme: Its colors.
    """
    target = ax2 if ax2 is not None and getattr(mark, "secondary_y", False) else ax
    DRAW[type(mark)](target, mark, theme)


def draw_color_bar(ax: Axes, mark: Heatmap, theme: Theme) -> None:
    """A small horizontal color bar with its ticks, filling the axes.

    Args:
        ax: Axes for it.
        mark: The heat map.
        theme: Its colors.
    """
    scale = color_scale(mark)
    cmap = _color_map(scale, theme)
    ramp = np.linspace(scale.low, scale.high, 128)[None, :]
    ax.imshow(ramp, aspect="auto", cmap=cmap, extent=(scale.low, scale.high, 0, 1))
    ax.yaxis.set_major_locator(NullLocator())
    ax.xaxis.set_ticks([at for at, _ in scale.ticks], [text for _, text in scale.ticks])
    ax.tick_params(
        axis="x",
        length=1.5,
        pad=1,
        labelsize=SMALL - 0.4,
        color=theme.axis,
        labelcolor=theme.muted_text,
    )
    ax.spines[:].set_visible(False)
