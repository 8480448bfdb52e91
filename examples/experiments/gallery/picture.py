"""Figures in Cockpit's own style: quiet axes, its palette, labels where a legend would be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from cockpit.render.matplotlib_panel import CockpitFigure
from cockpit.render.theme import get_theme

DPI = 130
SETTINGS = {"axes.titlelocation": "left", "axes.titlesize": 8.4, "axes.titleweight": "bold"}
THEME = get_theme("print")
COLORS = THEME.colors
"""By role: ``primary`` (blue), ``secondary`` (purple), ``tertiary`` (green), ``muted``, …"""


@contextmanager
def picture(
    columns: int = 1, rows: int = 1, *, width: float = 7.6, height: float = 2.8, **subplots: Any
) -> Iterator[tuple[CockpitFigure, np.ndarray]]:
    """A figure and its axes, shape [rows, columns]; draw within the context.

    Args:
        columns: Of axes.
        rows: Of axes.
        width: Of the figure, in inches.
        height: Of the figure, in inches.
        subplots: As for ``Figure.subplots``, e.g. ``sharey=True``.
    """
    figure = CockpitFigure((width, height), THEME)
    with figure.styled():
        matplotlib.rcParams.update(SETTINGS)
        figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06, wspace=0.04)
        axes = figure.subplots(rows, columns, squeeze=False, **subplots)
        for ax in axes.flat:
            _quieten(ax)
        yield figure, axes
        for ax in axes.flat:
            for axis, scale in ((ax.xaxis, ax.get_xscale()), (ax.yaxis, ax.get_yscale())):
                if scale == "log":
                    _plain_numbers(axis)


def _plain_numbers(axis: Axis) -> None:
    """Powers as plain numbers: the usual labels need matplotlib's formulas, which are off."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    low, high = sorted(axis.get_view_interval())
    if high < 20 * low:  # a decade or less: powers of ten alone would be too few
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_formatter(NullFormatter())


def _quieten(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[:].set_color(THEME.axis)
    ax.tick_params(which="both", colors=THEME.muted_text, length=2)
    ax.set_axisbelow(True)


def label(ax: Axes, x: float, y: float, text: str, role: str = "primary", **how: Any) -> None:
    """Words beside what they name, in its color; x and y as the data has them.

    Args:
        ax: Where.
        x: Where the text begins.
        y: Its middle.
        text: The words.
        role: Of the mark, a key of :data:`COLORS`.
        how: As for ``Axes.text``, e.g. ``ha="right"`` or ``transform=ax.transAxes``.
    """
    color = THEME.muted_text if role == "muted" else COLORS[role]  # type: ignore[index]
    ax.text(x, y, text, **{"color": color, "va": "center", "fontsize": 7.5, **how})


def save(figure: Figure, path: Path) -> None:
    """Write as PNG with a palette of 256 colors: a third of the size, and no difference to see."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    buffer.seek(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(buffer) as image:
        colors = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        colors.save(path, optimize=True)
