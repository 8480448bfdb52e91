"""Panels as figures for print, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cockpit.instruments.panel import Band, Bars, Line, Panel, Points, Region
from cockpit.instruments.run_style import RUN_ROLES
from cockpit.render.geometry import (
    COLOR_BAR,
    LEGEND,
    NOTE,
    TITLE,
    Box,
    Labelled,
    color_bar_mark,
    columns,
    equal_ranges,
    grid_shape,
    header_height,
    label_height,
    left_margin,
    legend_marks,
    panel_boxes,
    rows,
)
from cockpit.render.matplotlib_axes import finish_axis, scale_axis, style_frame
from cockpit.render.matplotlib_marks import DASHES, MARKERS, draw_color_bar, draw_mark
from cockpit.render.pagination import wanted_height
from cockpit.render.theme import Theme, get_theme

FONTS = ("Inter", "Source Sans 3", "Helvetica Neue", "Helvetica", "Arial", "Liberation Sans")
SINGLE_WIDTH = 5.6  # inches
CAPTION = 0.16  # inches, room for the title of one of several pictures
TITLE_SIZE, NOTE_SIZE, LABEL_SIZE = 8.4, 6.4, 6.4


@cache
def _fonts() -> list[str]:
    """Installed fonts of a sober kind, and the one that matplotlib brings along."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return [*(name for name in FONTS if name in installed), "DejaVu Sans"]


def _style(theme: Theme) -> dict[str, Any]:
    return {
        "font.family": _fonts(),
        "font.size": 7,
        "text.color": theme.text,
        "axes.labelcolor": theme.muted_text,
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "text.parse_math": False,  # a "$" in a name is a dollar
    }


class CockpitFigure(Figure):
    """A figure that keeps its style when it is drawn, and shows itself in a notebook."""

    def __init__(self, size: tuple[float, float], theme: Theme) -> None:
        self.theme = theme
        super().__init__(figsize=size, facecolor=theme.background)
        FigureCanvasAgg(self)

    @contextmanager
    def styled(self) -> Iterator[None]:
        """Matplotlib's settings for this figure; those of the user neither count nor change."""
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(cast("Any", _style(self.theme)))
            yield

    def draw(self, renderer: Any) -> None:
        """Draw with the figure's own style."""
        with self.styled():
            super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save with the figure's own style, see :meth:`matplotlib.figure.Figure.savefig`."""
        with self.styled():
            super().savefig(fname, **{"facecolor": self.get_facecolor(), **options})

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def panel_figure(
    panel: Panel, theme: str = "print", size: tuple[float, float] | None = None
) -> CockpitFigure:
    """One panel as a figure.

    Args:
        panel: What to draw.
        theme: ``print``, ``light`` or ``dark``.
        size: Width and height in inches; ``None`` chooses what suits the panel.
    """
    size = size or (SINGLE_WIDTH, 0.8 + 1.15 * wanted_height(panel))
    figure = CockpitFigure(size, get_theme(theme))
    figure.set_facecolor(figure.theme.surface)
    draw(panel, figure, Box(0, 0, *size).inset(0.12, 0.08, 0.12, 0.08))
    return figure


def draw(panel: Panel, figure: CockpitFigure, box: Box) -> dict[str, Axes]:
    """Draw a panel into a part of a figure.

    Args:
        panel: What to draw.
        figure: Where.
        box: Which part of it, in inches.

    Returns:
        The axes by place: ``main``, and ``top``, ``right``, ``below`` where the panel has sides.
    """
    with figure.styled():
        _header(panel, figure, box)
        if panel.multiples:
            return _draw_multiples(panel, figure, box)
        boxes = panel_boxes(panel, box)
        panel = equal_ranges(panel, boxes["main"])
        axes = {"main": _draw_axes(panel, figure, boxes["main"])}
        for place, side in panel.side.items():
            axes[place] = _draw_axes(side, figure, boxes[place], bare=place != "below")
        if "top" in axes:
            axes["top"].set_xlim(axes["main"].get_xlim())
            axes["top"].tick_params(axis="x", labelbottom=False, length=0)
        if "right" in axes:
            axes["right"].set_ylim(axes["main"].get_ylim())
            axes["right"].tick_params(axis="y", labelleft=False, length=0)
        _legend(panel, figure, box, boxes["main"])
    return axes


def _draw_multiples(panel: Panel, figure: CockpitFigure, box: Box) -> dict[str, Axes]:
    """Panels side by side, each under its title; one color bar is for all."""
    _legend(panel, figure, box, box.inset(left_margin(panel.multiples[0]), 0, 0, 0))
    across = grid_shape(len(panel.multiples))[1]
    shown = list(panel.multiples)
    lines = [shown[i : i + across] for i in range(0, len(shown), across)]
    axes: dict[str, Axes] = {}
    parts = rows(box.inset(0, 0, 0, header_height(panel)), [1.0] * len(lines), 0.06)
    for line, part in zip(lines, parts, strict=True):
        for one, cell in zip(line, columns(part, [1.0] * across, 0.06), strict=False):
            main = cell.inset(left_margin(one), label_height(one), 0.04, CAPTION)
            axes[f"multiple {len(axes)}"] = ax = _draw_axes(one, figure, main)
            ax.set_title(one.title, fontsize=NOTE_SIZE, color=figure.theme.text, loc="left", pad=3)
            ax.spines["top"].set(visible=True, color=figure.theme.colors[one.role], linewidth=1.6)
    return axes


def _place(figure: Figure, box: Box) -> tuple[float, float, float, float]:
    """A box in fractions of the figure."""
    width, height = figure.get_size_inches()
    return box.left / width, box.bottom / height, box.width / width, box.height / height


def _draw_axes(panel: Panel, figure: CockpitFigure, box: Box, bare: bool = False) -> Axes:
    """The picture itself; ``bare`` ones (marginals) have neither labels nor grid."""
    theme = figure.theme
    ax = figure.add_axes(_place(figure, box))
    gauge = not panel.y.visible or panel.equal or color_bar_mark(panel) is not None
    style_frame(ax, theme, grid=not gauge and not bare)
    scale_axis(ax, "x", panel.x)
    scale_axis(ax, "y", panel.y)
    second = ax.twinx() if panel.y2 is not None else None
    if second is not None and panel.y2 is not None:
        style_frame(second, theme, grid=False)
        second.patch.set_visible(False)
        scale_axis(second, "y", panel.y2)
    for mark in panel.marks:
        draw_mark(ax, second, mark, theme)
    finish_axis(ax, "x", panel.x, box.width, theme)
    finish_axis(ax, "y", panel.y, box.height, theme)
    ax.spines["left"].set_visible(panel.y.visible)
    if second is not None and panel.y2 is not None:
        finish_axis(second, "y", panel.y2, box.height, theme)
        second.spines["left"].set_visible(False)
        second.spines["right"].set_visible(panel.y2.visible)
        if panel.y2.visible:
            _color_axes(panel, ax, second, theme)
    if not bare:
        ax.set_xlabel(panel.x.label, fontsize=LABEL_SIZE, labelpad=1.5)
        if panel.y.visible:
            ax.set_ylabel(panel.y.label, fontsize=LABEL_SIZE, labelpad=2)
        if second is not None and panel.y2 is not None and panel.y2.visible:
            second.set_ylabel(panel.y2.label, fontsize=LABEL_SIZE, labelpad=3)
    return ax


def _color_axes(panel: Panel, ax: Axes, second: Axes, theme: Theme) -> None:
    """With two vertical axes, give each line of numbers the color of the line it belongs to."""
    for mark in panel.marks:
        if isinstance(mark, Line) and mark.label and mark.role not in RUN_ROLES:
            spine = second.spines["right"] if mark.secondary_y else ax.spines["left"]
            spine.set_color(theme.colors[mark.role])
            spine.set_linewidth(1.3)


def _header(panel: Panel, figure: CockpitFigure, box: Box) -> None:
    """Title, present value and note."""
    theme = figure.theme
    left, bottom, width, height = _place(figure, box)
    inch = 1 / figure.get_size_inches()[1]
    base = bottom + height - 0.14 * inch
    figure.text(left, base, panel.title, fontsize=TITLE_SIZE, weight="bold", color=theme.text)
    figure.text(
        left + width, base, panel.current, fontsize=TITLE_SIZE, color=theme.text, ha="right"
    )
    figure.text(left, base - NOTE * inch, panel.note, fontsize=NOTE_SIZE, color=theme.muted_text)


def _handle(mark: Labelled, theme: Theme) -> Line2D | Patch:
    """What stands for a mark in a legend."""
    label, color = mark.label, theme.colors[mark.role]
    if isinstance(mark, Points):
        marker = MARKERS[mark.symbol]
        return Line2D([], [], color=color, marker=marker, markersize=4, linestyle="", label=label)
    if isinstance(mark, Band | Region):
        return Patch(facecolor=(color, 0.25), edgecolor=color, linewidth=0.8, label=label)
    if isinstance(mark, Bars):
        return Patch(facecolor=color, linewidth=0, label=label)
    line = Line2D([], [], color=color, linewidth=1.4, label=label)
    if isinstance(mark, Line) and mark.dash:
        line.set_dashes(DASHES[mark.dashes])
    return line


def _legend(panel: Panel, figure: CockpitFigure, box: Box, main: Box) -> None:
    """A row under the header: what the colors mean."""
    top = box.top - TITLE - (NOTE if panel.note else 0)
    heatmap = color_bar_mark(panel)
    if heatmap is not None:
        bar = Box(main.left, top - COLOR_BAR + 0.17, min(1.3, main.width), 0.055)
        draw_color_bar(figure.add_axes(_place(figure, bar)), heatmap, figure.theme)
        return
    marks = legend_marks(panel)
    if not marks:
        return
    row = Box(box.left, top - LEGEND, box.width, LEGEND)
    left, bottom, _, height = _place(figure, row)
    figure.legend(
        handles=[_handle(mark, figure.theme) for mark in marks], ncols=len(marks),
        loc="center left", bbox_to_anchor=(left, bottom + 0.6 * height), borderpad=0,
        borderaxespad=0, frameon=False, fontsize=NOTE_SIZE, handlelength=1.3, handleheight=0.7,
        handletextpad=0.4, columnspacing=1.1, labelcolor=figure.theme.muted_text,
    )  # fmt: skip
