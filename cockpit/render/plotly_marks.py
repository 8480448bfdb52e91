"""Marks drawn by plotly: one function per kind of mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cockpit.instruments.panel import (
    Axis,
    Band,
    Bars,
    Heatmap,
    Line,
    Points,
    Region,
    Rule,
    Text,
)
from cockpit.render.colorscale import color_scale
from cockpit.render.plotly_axes import Canvas, on_axis, plain, rgba

SYMBOLS = {
    "circle": "circle", "cross": "x", "left": "triangle-left", "right": "triangle-right",
    "up": "triangle-up", "down": "triangle-down",
}  # fmt: skip
DASHES = {"dash": "5px,3px", "dot": "1.5px,2.5px", "dashdot": "9px,3px,2px,3px"}
SMALL = 10.5


@dataclass(frozen=True)
class Plot:
    """Where a panel's marks go: its axes, as data and as plotly's names."""

    canvas: Canvas
    x: Axis
    y: Axis
    y2: Axis | None
    x_name: str
    y_name: str
    y2_name: str
    fraction_name: str  # a hidden axis from 0 to 1 over the panel's height
    legend: frozenset[str]  # labels that are explained

    def vertical(self, secondary: bool) -> tuple[Axis, str]:
        """The vertical axis of a mark."""
        return (self.y2, self.y2_name) if secondary and self.y2 else (self.y, self.y_name)

    def named(self, label: str) -> dict[str, Any]:
        """Name and legend entry of a trace."""
        shown = label in self.legend and label not in self.canvas.explained
        if shown:
            self.canvas.explained.add(label)
        return {"name": plain(label), "showlegend": shown}


def _hover(axis: Axis) -> str:
    """The value under the mouse: as it was, where plotly has a mapped one."""
    return "%{customdata:.5~g}" if axis.scale == "symlog" else "%{y:.5~g}"


def _hover_name(mark: Line | Band) -> str:
    """What a value under the mouse is: of which series, raw or smoothed."""
    kind = "smoothed" if isinstance(mark, Line) and mark.smoothed else "measured"
    if isinstance(mark, Line) and not (mark.faint or mark.smoothed):
        return ""
    return f"<extra>{plain(', '.join(text for text in (mark.label, kind) if text))}</extra>"


def _line(plot: Plot, mark: Line) -> None:
    axis, name = plot.vertical(mark.secondary_y)
    width = 1.0 if mark.faint else 1.3 if mark.role == "muted" else 2.0
    unnamed = {"name": plain(mark.label), "showlegend": False}
    named = unnamed if mark.faint else plot.named(mark.label)
    plot.canvas.add_trace(
        "scatter",
        x=mark.x, y=on_axis(mark.y, axis), mode="lines",
        customdata=mark.y if axis.scale == "symlog" else None,
        line={
            "color": plot.canvas.theme.colors[mark.role], "width": width,
            "dash": DASHES[mark.dashes] if mark.dash else "solid",
        },
        opacity=0.4 if mark.faint else 1.0,
        hovertemplate=_hover(axis) + _hover_name(mark),
        hoverinfo=None if mark.label or mark.faint or mark.smoothed else "skip",
        xaxis=plot.x_name, yaxis=name, **named,
    )  # fmt: skip


def _points(plot: Plot, mark: Points) -> None:
    axis, name = plot.vertical(mark.secondary_y)
    y = mark.y if mark.y_axes else on_axis(mark.y, axis)
    edge = mark.symbol != "circle"
    theme = plot.canvas.theme
    plot.canvas.add_trace(
        "scatter",
        x=mark.x, y=y, customdata=mark.y, mode="markers+text" if mark.texts else "markers",
        marker={
            "color": theme.colors[mark.role], "symbol": SYMBOLS[mark.symbol],
            "size": 9 if edge else 7, "line": {"color": theme.surface, "width": 1},
        },
        text=[plain(text) for text in mark.texts] or None,
        textposition="middle left" if mark.symbol == "right" else "middle right",
        textfont={"size": SMALL, "color": theme.muted_text},
        cliponaxis=not edge,
        hovertemplate=(plain(mark.label) or "%{customdata:.5~g}") + "<extra></extra>",
        xaxis=plot.x_name, yaxis=plot.fraction_name if mark.y_axes else name,
        **plot.named(mark.label),
    )  # fmt: skip


def _band(plot: Plot, mark: Band) -> None:
    """One closed outline per stretch without gaps; its border shows spikes of a single step."""
    axis, name = plot.vertical(mark.secondary_y)
    low, high = on_axis(mark.low, axis), on_axis(mark.high, axis)
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
    xs: list[np.ndarray] = []
    ys: list[np.ndarray] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        part = slice(start, end)
        xs += [mark.x[part], mark.x[part][::-1], np.array([np.nan])]
        ys += [high[part], low[part][::-1], np.array([np.nan])]
    color = plot.canvas.theme.colors[mark.role]
    plot.canvas.add_trace(
        "scatter",
        x=np.concatenate(xs) if xs else [], y=np.concatenate(ys) if ys else [],
        mode="lines", fill="toself", fillcolor=rgba(color, 0.22),
        line={"color": rgba(color, 0.5), "width": 0.7}, hoverinfo="skip",
        xaxis=plot.x_name, yaxis=name, **plot.named(mark.label),
    )  # fmt: skip
    if not mark.label:
        _extent_under_mouse(plot, mark, axis, name)


def _extent_under_mouse(plot: Plot, mark: Band, axis: Axis, axis_name: str) -> None:
    """An unseen line that tells the raw values' extent: an outline has no value of its own.

    Half as many points as the band has are close enough to find with a mouse.
    """
    x, low, high = (_pairs(values) for values in (mark.x, mark.low, mark.high))
    x, low, high = x[:, 0], low.min(axis=1), high.max(axis=1)
    mapped = axis.scale == "symlog"  # plotly has positions instead of values
    value = "%{customdata[0]:.5~g}" if mapped else "%{y:.5~g}"
    other = "%{customdata[1]:.5~g}" if mapped else "%{customdata:.5~g}"
    plot.canvas.add_trace(
        "scatter",
        x=x, y=on_axis(low, axis), customdata=np.stack([low, high], 1) if mapped else high,
        mode="lines", line={"width": 0}, hovertemplate=f"{value} to {other}{_hover_name(mark)}",
        xaxis=plot.x_name, yaxis=axis_name, showlegend=False,
    )  # fmt: skip


def _pairs(values: np.ndarray) -> np.ndarray:
    """Neighbors side by side, shape [half of them, 2]; a last one alone is its own neighbor."""
    alone = values[len(values) - len(values) % 2 :]
    return np.concatenate([values, alone]).reshape(-1, 2)


def _bars(plot: Plot, mark: Bars) -> None:
    centers, widths = 0.5 * (mark.edges[1:] + mark.edges[:-1]), np.diff(mark.edges)
    theme = plot.canvas.theme
    color = theme.colors[mark.role]
    heights = np.where(mark.heights > 0, mark.heights, np.nan)
    spans = [f"{a:.4g} to {b:.4g}" for a, b in zip(mark.edges[:-1], mark.edges[1:], strict=True)]
    lengthwise = {"y": centers, "x": heights} if mark.horizontal else {"x": centers, "y": heights}
    plot.canvas.add_trace(
        "bar",
        **lengthwise, width=widths, orientation="h" if mark.horizontal else "v",
        marker={
            "color": rgba(color, 0.0) if mark.outline else color,
            "line": {
                "color": color if mark.outline else theme.surface,
                "width": 1.5 if mark.outline else 0.5,
            },
        },
        customdata=np.asarray(mark.heights), text=spans, textposition="none",
        hovertemplate="%{text}: %{customdata:,}<extra></extra>",
        xaxis=plot.x_name, yaxis=plot.y_name, **plot.named(mark.label),
    )  # fmt: skip


def _heatmap(plot: Plot, mark: Heatmap) -> None:
    scale = color_scale(mark)
    theme = plot.canvas.theme
    colors = theme.diverging if scale.diverging else theme.sequential
    steps = np.linspace(0, 1, len(colors))
    rows = np.array([plain(name) for name in mark.y_labels] or [""] * mark.z.shape[0], dtype=object)
    text = np.broadcast_to(rows[:, None], mark.z.shape)
    named = f"<b>%{{text}}</b><br>{plain(plot.x.label)} %{{x:.4~g}}: "
    where = named if mark.y_labels else "(%{x:.3~g}, %{y:.3~g}): "
    meta = {  # for a page that shows as many names as it has room for
        "rows": list(mark.y_labels),
        "names": [text for _, text in plot.y.ticks],
        "headings": list(mark.headings),
        "scale": mark.scale,
        "linthresh": scale.linthresh,
    }
    plot.canvas.add_trace(
        "heatmap",
        x=mark.x_edges, y=mark.y_edges, z=scale.cells, customdata=mark.z, text=text,
        meta=meta if mark.y_labels else None, zmin=scale.low, zmax=scale.high,
        colorscale=[[float(at), c] for at, c in zip(steps, colors, strict=True)],
        hovertemplate=where + "%{customdata:.4~g} " + plain(mark.label) + "<extra></extra>",
        hoverongaps=False, xaxis=plot.x_name, yaxis=plot.y_name,
        colorbar={
            "orientation": "h", "thickness": 7, "len": 0.45, "x": 0.0, "xanchor": "left",
            "y": 1.0, "yanchor": "bottom", "outlinewidth": 0, "xpad": 0, "ypad": 4,
            "tickvals": [at for at, _ in scale.ticks],
            "ticktext": [label for _, label in scale.ticks],
            "tickfont": {"size": SMALL, "color": theme.muted_text}, "tickangle": 0,
        },
    )  # fmt: skip


def _rule(plot: Plot, mark: Rule) -> None:
    lying = mark.orientation == "horizontal"
    axis = plot.y if lying else plot.x
    at = float(on_axis(np.array(mark.at), axis))
    along, across = ("x", "y") if lying else ("y", "x")
    names = {"x": plot.x_name, "y": plot.y_name}
    place = {f"{along}ref": f"{names[along]} domain", f"{across}ref": names[across]}
    ends = {f"{along}0": 0, f"{along}1": 1, f"{across}0": at, f"{across}1": at}
    line = {"color": plot.canvas.theme.colors[mark.role], "width": 1.2, "dash": "4px,3px"}
    shape = {"type": "line", **place, **ends, "line": line, "layer": "below"}
    plot.canvas.shapes.append(shape)
    if mark.label:
        # Texts on a logarithmic axis want the exponent, shapes the value itself.
        position = float(np.log10(at)) if axis.scale == "log" else at
        anchors = {"xanchor": "left", "yanchor": "bottom" if lying else "top"}
        where = {along: 0 if lying else 1, across: position}
        font = {"size": SMALL, "color": plot.canvas.theme.muted_text}
        text = {"text": plain(mark.label), "showarrow": False, "font": font}
        plot.canvas.annotations.append({**text, **place, **where, **anchors})


def _region(plot: Plot, mark: Region) -> None:
    color = plot.canvas.theme.colors[mark.role]
    low, high = mark.low, mark.high
    shape: dict[str, Any] = {
        "type": "rect",
        "fillcolor": rgba(color, 0.1 if mark.role == "muted" else 0.16),
        "line": {"width": 0},
        "layer": "below",
        **plot.named(mark.label),
    }
    if mark.shape == "disc":
        shape |= {"type": "circle", "xref": plot.x_name, "yref": plot.y_name}
        shape |= {"x0": -high, "x1": high, "y0": -high, "y1": high}
        shape["line"] = {"color": color, "width": 1.8 if mark.outlined else 0}
    elif mark.shape == "horizontal":
        shape |= {"xref": f"{plot.x_name} domain", "yref": plot.y_name}
        low, high = (float(on_axis(np.array(end), plot.y)) for end in (low, high))
        shape |= {"x0": 0, "x1": 1, "y0": low, "y1": high}
    else:
        shape |= {"xref": plot.x_name, "yref": f"{plot.y_name} domain"}
        shape |= {"x0": low, "x1": high, "y0": 0, "y1": 1}
    plot.canvas.shapes.append(shape)
    if mark.outlined and mark.shape != "disc":
        _region_edges(plot, shape, mark, color)


def _region_edges(plot: Plot, shape: dict[str, Any], mark: Region, color: str) -> None:
    """The two borders of a band, without its ends at the panel's edge."""
    first, last = ("y0", "y1") if mark.shape == "horizontal" else ("x0", "x1")
    line = {"color": color, "width": 1.8}
    for at in (shape[first], shape[last]):
        border = {key: shape[key] for key in ("xref", "yref", "x0", "x1", "y0", "y1")}
        border |= {first: at, last: at}
        plot.canvas.shapes.append({"type": "line", **border, "line": line, "layer": "below"})


def _text(plot: Plot, mark: Text) -> None:
    theme = plot.canvas.theme
    color = theme.muted_text if mark.role == "muted" else theme.colors[mark.role]
    plot.canvas.annotations.append(
        {
            "text": plain(mark.text), "showarrow": False, "align": mark.align,
            "xref": f"{plot.x_name} domain", "yref": f"{plot.y_name} domain",
            "x": mark.x, "y": mark.y, "xanchor": mark.align,
            "yanchor": "top" if mark.y > 0.8 else "middle",
            "font": {"size": SMALL, "color": color},
        }
    )  # fmt: skip


DRAW: dict[type, Callable[[Plot, Any], None]] = {
    Line: _line,
    Points: _points,
    Band: _band,
    Bars: _bars,
    Heatmap: _heatmap,
    Rule: _rule,
    Region: _region,
    Text: _text,
}
