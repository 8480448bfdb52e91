"""Panels as interactive figures for the page, by plotly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cockpit.instruments.panel import Band, Line, Panel, Place, Points
from cockpit.instruments.run_style import RUN_ROLES
from cockpit.render.geometry import color_bar_mark, grid_shape, is_comparison, legend_marks
from cockpit.render.plotly_axes import (
    FONT,
    Canvas,
    add_log_ticks,
    add_symlog_ticks,
    axis_settings,
    plain,
)
from cockpit.render.plotly_marks import DRAW, Plot
from cockpit.render.theme import get_theme

Span = tuple[float, float]
HISTORY_TOP, GAUGE_BOTTOM = 0.26, 0.38  # fractions of a figure with a history strip below
MAP_BOTTOM = 0.36  # instead: a heat map has one only where there is much room
SMALL_HEIGHT, ROW = 260, 14  # pixels: of a small figure, of a row of text
BETWEEN, CAPTION = (0.07, 0.12), 0.09  # fractions: gaps of a grid of pictures, room for a title
FONT_SMALL = 11
MARGINAL_FROM, MAIN_TO = 0.86, 0.84  # fractions of a figure with marginals


def figure(
    panel: Panel, theme: str = "light", *, header: bool = False, height: int | None = None
) -> go.Figure:
    """A panel as a plotly figure.

    Title, present value and note are left to the page unless ``header`` asks for them.

    Args:
        panel: What to draw.
        theme: ``light``, ``dark`` or ``print``.
        header: Whether the figure carries title and note itself (for export).
        height: In pixels; without it the figure fills its container, and rows of names are
            thinned as for a small one.
    """
    return go.Figure(figure_dict(panel, theme, header=header, height=height))


def figure_dict(
    panel: Panel, theme: str = "light", *, header: bool = False, height: int | None = None
) -> dict[str, Any]:
    """As :func:`figure`: the ``data`` and ``layout`` that plotly.js reads, made much faster.

    Arrays are numpy arrays.
    """
    canvas = Canvas(get_theme(theme), names=max(4, ((height or SMALL_HEIGHT) - 90) // ROW))
    spans = _spans(panel)
    shared = {"showticklabels": False, "title": {"text": ""}}
    main = None if panel.multiples else _draw(canvas, panel, *spans["main"])
    _draw_multiples(canvas, panel.multiples)
    for place, side in panel.side.items():
        drawn = _draw(canvas, side, *spans[place], side=place)
        if main and place == "top":
            canvas.settings(drawn.x_name).update(matches=main.x_name, **shared)
        if main and place == "right":
            canvas.settings(drawn.y_name).update(matches=main.y_name, **shared)
    layout = {
        **canvas.layout,
        "shapes": canvas.shapes,
        "annotations": canvas.annotations,
        **_style(canvas, panel, header),
        **({} if height is None else {"height": height}),
    }
    return {"data": canvas.traces, "layout": layout}


def _style(canvas: Canvas, panel: Panel, header: bool) -> dict[str, Any]:
    theme = canvas.theme
    top = 30 if legend_marks(panel) or color_bar_mark(panel) else 10
    if color_bar_mark(panel):
        top += 12
    style: dict[str, Any] = {
        "template": "none",
        "paper_bgcolor": theme.surface,
        "plot_bgcolor": theme.surface,
        "font": {"family": FONT, "size": 12, "color": theme.muted_text},
        "margin": {"l": 56, "r": 18, "t": top + (48 if header else 0), "b": 40, "pad": 0},
        "hovermode": "closest" if _is_gauge(panel) else "x unified",
        "hoverlabel": {
            "bgcolor": theme.surface,
            "bordercolor": theme.axis,
            "font": {"color": theme.text, "family": FONT, "size": 12},
        },
        "barmode": "overlay",
        "bargap": 0,
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
            "font": {"size": 11}, "bgcolor": "rgba(0,0,0,0)", "itemwidth": 30,
            "traceorder": "reversed" if is_comparison(panel) else "normal",
        },
    }  # fmt: skip
    if header:
        title, current, note = map(plain, (panel.title, panel.current, panel.note))
        text = f"<b>{title}</b>  {current}<br><sup>{note}</sup>"
        style["title"] = {
            "text": text,
            "x": 0.02,
            "xanchor": "left",
            "font": {"color": theme.text, "size": 15},
        }
    return style


def _is_gauge(panel: Panel) -> bool:
    """Whether the horizontal axis is something else than the course of the run."""
    return (
        panel.equal
        or not panel.y.visible
        or color_bar_mark(panel) is not None
        or bool(panel.x.ticks)
    )


def _spans(panel: Panel) -> dict[Place | str, tuple[Span, Span]]:
    """Horizontal and vertical extent of the panel and its sides, in fractions."""
    spans: dict[Place | str, tuple[Span, Span]] = {"main": ((0.0, 1.0), (0.0, 1.0))}
    if "below" in panel.side:
        spans["below"] = ((0.0, 1.0), (0.0, HISTORY_TOP))
        bottom = MAP_BOTTOM if color_bar_mark(panel) else GAUGE_BOTTOM
        spans["main"] = ((0.0, 1.0), (bottom, 1.0))
    x, y = spans["main"]
    if "right" in panel.side:
        spans["right"] = ((MARGINAL_FROM, 1.0), y)
        x = (0.0, MAIN_TO)
    if "top" in panel.side:
        spans["top"] = (x, (MARGINAL_FROM, 1.0))
        y = (y[0], MAIN_TO)
        if "right" in spans:
            spans["right"] = (spans["right"][0], y)
    spans["main"] = (x, y)
    return spans


def _draw(
    canvas: Canvas, panel: Panel, x_span: Span, y_span: Span, side: Place | None = None
) -> Plot:
    """Draw the panel itself, without its sides, into a part of the figure."""
    bare = side in ("top", "right")
    theme = canvas.theme
    grid = not bare and not panel.equal and panel.y.visible and color_bar_mark(panel) is None
    first, second = _axis_colors(panel, theme.colors) if panel.y2 and panel.y2.visible else ("", "")
    x = canvas.add_axis(
        "x", domain=x_span, **axis_settings(panel.x, theme, grid=grid, horizontal=True)
    )
    y = canvas.add_axis(
        "y", domain=y_span, anchor=x,
        **axis_settings(panel.y, theme, grid=grid, color=first, most=canvas.names),
    )  # fmt: skip
    canvas.settings(x)["anchor"] = y
    if panel.x.scale == "log":
        canvas.settings(x).update(tickformat="~g", nticks=8)  # whole numbers between the decades
    if panel.equal:
        canvas.settings(y)["scaleanchor"] = x
    over = {"overlaying": y, "anchor": x}
    y2 = ""
    if panel.y2 is not None:
        settings = axis_settings(panel.y2, theme, grid=False, color=second)
        y2 = canvas.add_axis("y", side="right", **over, **settings)
    hidden = ""
    if any(isinstance(mark, Points) and mark.y_axes for mark in panel.marks):
        hidden = canvas.add_axis("y", **over, visible=False, range=[0, 1], fixedrange=True)
    legend = frozenset() if side else frozenset(m.label for m in legend_marks(panel))
    plot = Plot(canvas, panel.x, panel.y, panel.y2, x, y, y2, hidden, legend)
    for mark in panel.marks:
        DRAW[type(mark)](plot, mark)
    for name, axis in ((y, panel.y), (y2, panel.y2)):
        if axis is None or axis.ticks or not axis.visible:
            continue
        values = _values(panel, axis is panel.y2)
        if axis.scale == "symlog":
            add_symlog_ticks(canvas.settings(name), axis, values)
        elif axis.scale == "log":
            add_log_ticks(canvas.settings(name), axis, values)
    return plot


def _draw_multiples(canvas: Canvas, panels: Sequence[Panel]) -> None:
    """Draw panels side by side, each under its title; one color bar is for all."""
    rows, columns = grid_shape(len(panels)) if panels else (0, 0)
    first: Plot | None = None
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        across = _cell(column, columns, BETWEEN[0])
        bottom, top = _cell(rows - 1 - row, rows, BETWEEN[1])
        upward = (bottom * (1 - CAPTION), top * (1 - CAPTION))
        drawn = _draw(canvas, panel, across, upward)
        _caption(canvas, panel, across[0], upward[1])
        _few_ticks(canvas.settings(drawn.x_name))
        canvas.settings(drawn.x_name)["showticklabels"] = place + columns >= len(panels)
        if row < rows - 1:
            canvas.settings(drawn.x_name)["title"] = {"text": ""}
        elif column:  # one title is for all; an empty one would take its neighbor's room
            canvas.settings(drawn.x_name)["title"] |= {"text": " "}
        if column or row:
            canvas.settings(drawn.y_name)["title"] = {"text": ""}
        if first is None:
            first = drawn
            continue
        if panel.x.label == panels[0].x.label and not panel.x.ticks:
            canvas.settings(drawn.x_name)["matches"] = first.x_name
        if column and panel.y == panels[0].y:
            canvas.settings(drawn.y_name)["showticklabels"] = False
    maps = [trace for trace in canvas.traces if trace["type"] == "heatmap"]
    told = next((trace for trace in maps if np.isfinite(trace["z"]).any()), None)
    for trace in maps:  # plotly has no color bar for a map without a value
        trace["showscale"] = trace is told


def _few_ticks(axis: dict[str, Any]) -> None:
    """Ends and middle, level: a small picture has no room for more."""
    axis.update(tickangle=0, nticks=3)
    if axis["tickmode"] == "array":
        few = slice(None, None, max(1, len(axis["tickvals"]) // 2))
        axis.update(tickvals=axis["tickvals"][few], ticktext=axis["ticktext"][few])


def _cell(place: int, count: int, gap: float) -> Span:
    """Extent of one of several equal cells with gaps between them, in fractions."""
    size = (1 - gap * (count - 1)) / count
    return place * (size + gap), place * (size + gap) + size


def _caption(canvas: Canvas, panel: Panel, x: float, y: float) -> None:
    """A run's name in its color's company, over its picture."""
    color = canvas.theme.colors[panel.role]
    text = f'<span style="color:{color}">━</span> {plain(panel.title)}'
    place = {"xref": "paper", "yref": "paper", "x": x, "y": y, "xanchor": "left"}
    font = {"size": FONT_SMALL, "color": canvas.theme.text}
    canvas.annotations.append(
        {"text": text, "showarrow": False, "yanchor": "bottom", "font": font, **place}
    )


def _values(panel: Panel, secondary: bool) -> np.ndarray:
    """All values that a vertical axis shows."""
    values = [np.zeros(0)]
    for mark in panel.marks:
        if getattr(mark, "secondary_y", False) != secondary:
            continue
        if isinstance(mark, Line) or (isinstance(mark, Points) and not mark.y_axes):
            values.append(mark.y)
        elif isinstance(mark, Band):
            values += [mark.low, mark.high]
    return np.concatenate(values)


def _axis_colors(panel: Panel, colors: Any) -> tuple[str, str]:
    """With two vertical axes, the color of the labelled line that belongs to each, if one does."""
    found = ["", ""]
    for mark in panel.marks:
        if isinstance(mark, Line) and mark.label and mark.role not in RUN_ROLES:
            found[mark.secondary_y] = found[mark.secondary_y] or colors[mark.role]
    return found[0], found[1]
