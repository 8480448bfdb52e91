"""Axes of plotly figures: allocation, scales, ticks, colors."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cockpit.instruments.panel import Axis
from cockpit.instruments.scales import to_scale
from cockpit.render.theme import Theme
from cockpit.render.ticks import symlog_ticks

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
TICK_SIZE, LABEL_SIZE = 11, 11
MANY_DECADES, SOME_DECADES, FEW_DECADES = 3.5, 2.5, 0.6


class Canvas:
    """A figure in the making: its traces, axes, shapes and texts.

    Attributes:
        theme: Colors.
        names: How many names have room along a vertical axis.
        traces: What is drawn.
        layout: Axes by name, as plotly calls them (``xaxis``, ``yaxis2``).
        shapes: Regions and rules.
        annotations: Texts.
        explained: Labels that have their entry in the legend.
    """

    def __init__(self, theme: Theme, names: int) -> None:
        self.theme = theme
        self.names = names
        self.traces: list[dict[str, Any]] = []
        self.layout: dict[str, dict[str, Any]] = {}
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.explained: set[str] = set()
        self._count = {"x": 0, "y": 0}

    def add_axis(self, which: Literal["x", "y"], **settings: Any) -> str:
        """Add an axis; returns the name by which traces refer to it (``x``, ``y2``)."""
        self._count[which] += 1
        number = "" if self._count[which] == 1 else str(self._count[which])
        self.layout[f"{which}axis{number}"] = settings
        return f"{which}{number}"

    def add_trace(self, kind: str, **settings: Any) -> None:
        """Add a trace: a plain dictionary, since plotly's own classes take milliseconds each."""
        given = {key: value for key, value in settings.items() if value is not None}
        self.traces.append({"type": kind, **given})

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of an axis, by the name that traces use."""
        return self.layout[f"{name[0]}axis{name[1:]}"]


def plain(text: str) -> str:
    """A text that plotly shows as it is: names from a log may look like markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")


def on_axis(values: np.ndarray, axis: Axis) -> np.ndarray:
    """What plotly is given: it has no symlog scale, so that values are mapped here."""
    return to_scale(values, axis) if axis.scale == "symlog" else np.asarray(values)


def axis_settings(
    axis: Axis,
    theme: Theme,
    *,
    grid: bool,
    color: str = "",
    most: int = 1000,
    horizontal: bool = False,
) -> dict[str, Any]:
    """Plotly's settings of an axis.

    Args:
        axis: What it shows.
        theme: Colors.
        grid: Whether grid lines are drawn.
        color: Of the axis line, where it belongs to a series.
        most: How many of the axis's own ticks have room.
        horizontal: Whether it lies: steps are counted in thousands (k) and millions (M).
    """
    settings: dict[str, Any] = {
        "visible": axis.visible,
        "title": {"text": plain(axis.label), "standoff": 6, "font": {"size": LABEL_SIZE}},
        "type": "log" if axis.scale == "log" else "linear",
        "showgrid": grid,
        "gridcolor": theme.grid,
        "zeroline": False,
        "showline": True,
        "linecolor": color or theme.axis,
        "linewidth": 2 if color else 1,
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": theme.axis,
        "tickfont": {"size": TICK_SIZE, "color": theme.muted_text},
        "exponentformat": "SI" if horizontal else "power",
        "minexponent": 4 if horizontal else 3 if axis.scale == "log" else 5,
        "tickmode": "auto",
        "automargin": True,
    }
    if axis.range is not None:
        ends = np.log10(axis.range) if axis.scale == "log" else on_axis(np.array(axis.range), axis)
        settings["range"] = [float(end) for end in ends]
    if axis.ticks:
        stride = max(1, -(-len(axis.ticks) // most))
        ticks = axis.ticks[::stride]
        settings["tickmode"] = "array"
        settings["tickvals"] = [value for value, _ in ticks]
        settings["ticktext"] = [plain(text) for _, text in ticks]
    return settings


def add_log_ticks(settings: dict[str, Any], axis: Axis, values: np.ndarray) -> None:
    """Give a log axis digits between the decades where what it shows spans few of them."""
    known = values[np.isfinite(values) & (values > 0)]
    known = np.array(axis.range) if axis.range and not known.size else known
    decades = float(np.log10(known.max() / known.min())) if known.size else 9.0
    if decades < MANY_DECADES:
        settings["tickmode"] = "linear"
        settings["dtick"] = 1 if decades > SOME_DECADES else "D2" if decades > FEW_DECADES else "D1"
    if decades < SOME_DECADES:
        settings["tickformat"] = "~g"  # without it the digits stand there alone


def add_symlog_ticks(settings: dict[str, Any], axis: Axis, values: np.ndarray) -> None:
    """Give a symlog axis ticks at round values, for what is drawn on it."""
    finite = values[np.isfinite(values)]
    low, high = axis.range or (
        (float(finite.min()), float(finite.max())) if finite.size else (-1.0, 1.0)
    )
    ticks = symlog_ticks(low, high, axis)
    settings["tickmode"] = "array"
    settings["tickvals"] = to_scale(np.array([value for value, _ in ticks]), axis).tolist()
    settings["ticktext"] = [text for _, text in ticks]


def rgba(color: str, alpha: float) -> str:
    """A ``#RRGGBB`` color with opacity, as CSS writes it."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
