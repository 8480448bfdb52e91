"""The whole cockpit on one landscape page, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from cockpit.instruments import NothingToShowError, View, panels
from cockpit.instruments.compare import compared_panels
from cockpit.instruments.overlay import Room
from cockpit.instruments.run_summary import Fact, run_facts
from cockpit.render.geometry import Box, columns, rows
from cockpit.render.matplotlib_marks import DASHES
from cockpit.render.matplotlib_panel import CockpitFigure, draw
from cockpit.render.pagination import GAP, arrange, group_heights, heights, page_size
from cockpit.render.theme import get_theme

if TYPE_CHECKING:
    from cockpit.instruments.panel import Group, Panel
    from cockpit.instruments.run_style import RunStyle
    from cockpit.log import RunLog

LEGEND_ROWS = 2  # of the names of compared runs
MARGIN, HEADER, GROUP_TITLE = 0.3, 0.5, 0.2
GUTTER, BETWEEN = 0.22, 0.3  # inches between columns, between groups


def cockpit_figure(
    log: RunLog, view: View | None = None, theme: str = "print", names: Sequence[str] = ()
) -> CockpitFigure:
    """Every instrument that the run has, in its group, under a header with the run's state.

    Args:
        log: The run.
        view: How to look at it; by default as of its last step.
        theme: ``print``, ``light`` or ``dark``.
        names: Of the instruments to show; all if empty.

    Raises:
        NothingToShowError: If the run has nothing to show (yet).
        UnknownInstrumentError: If there is no instrument of one of the names.
    """
    shown = [panel for _, panel in panels(log, view, names)]
    if not shown:
        wanted = f" for {', '.join(names)}" if names else ""
        raise NothingToShowError(f"Run {log.name!r} ({log.path}) has no records{wanted} yet.")
    figure, header = _page(shown, theme)
    _header(figure, header, run_facts(log, view))
    return figure


def comparison_figure(
    runs: Sequence[tuple[RunStyle, RunLog]],
    view: View | None = None,
    theme: str = "print",
    names: Sequence[str] = (),
) -> CockpitFigure:
    """As :func:`cockpit_figure`, for several runs laid over each other.

    Args:
        runs: Style and log of each run, the one in front first.
        view: How to look at them.
        theme: ``print``, ``light`` or ``dark``.
        names: Of the instruments to show; all if empty.

    Raises:
        NothingToShowError: If the runs have nothing to show (yet).
        UnknownInstrumentError: If there is no instrument of one of the names.
    """
    shown = [panel for _, panel in compared_panels(runs, view, names, Room(legend=False))]
    if not shown:
        raise NothingToShowError("None of the runs has records yet.")
    figure, header = _page(shown, theme)
    _run_legend(figure, header, [style for style, _ in runs])
    return figure


def _page(shown: Sequence[Panel], theme: str) -> tuple[CockpitFigure, Box]:
    """A page with the panels in their groups, and the box for its header."""
    blocks = arrange(shown)
    widths = [block.columns for block in blocks]
    size = page_size(sum(widths))
    figure = CockpitFigure(size, get_theme(theme))
    page = Box(0, 0, *size).inset(MARGIN, MARGIN, MARGIN, 0.22)
    body = page.inset(0, 0, 0, HEADER)
    for block, box in zip(blocks, columns(body, widths, BETWEEN), strict=True):
        parts = rows(box, group_heights(block, box.height), BETWEEN)
        for (group, cols), part in zip(block.groups, parts, strict=True):
            _group(figure, part, group, cols)
    return figure, Box(page.left, page.top - HEADER, page.width, HEADER)


def _group(figure: CockpitFigure, box: Box, group: Group, cols: tuple[list[Panel], ...]) -> None:
    """A group's title with a rule under it, and its columns of panels."""
    theme = figure.theme
    width, height = figure.get_size_inches()
    with figure.styled():
        figure.text(
            box.left / width, (box.top - 0.12) / height, group.upper(),
            fontsize=7.2, weight="bold", color=theme.muted_text,
        )  # fmt: skip
    y = (box.top - 0.19) / height
    figure.add_artist(
        Line2D([box.left / width, box.right / width], [y, y], color=theme.axis, linewidth=0.8)
    )
    body = box.inset(0, 0, 0, GROUP_TITLE + 0.1)
    for col, place in zip(cols, columns(body, [1.0] * len(cols), GUTTER), strict=True):
        for panel, cell in zip(col, rows(place, heights(col, place.height), GAP), strict=True):
            draw(panel, figure, _card(figure, cell))


def _card(figure: CockpitFigure, cell: Box) -> Box:
    """On screen a panel stands on a card of its own; on paper the cell itself is left."""
    theme = figure.theme
    if theme.surface == theme.background:
        return cell
    width, height = figure.get_size_inches()
    corner = (cell.left / width, cell.bottom / height)
    size = (cell.width / width, cell.height / height)
    figure.add_artist(Rectangle(corner, *size, facecolor=theme.surface, linewidth=0, zorder=-1))
    return cell.inset(0.1, 0.06, 0.1, 0.06)


def _header(figure: CockpitFigure, box: Box, facts: list[Fact]) -> None:
    """The run's name, and what is known of its state, as label above value."""
    theme = figure.theme
    width, height = figure.get_size_inches()
    name, *others = facts
    with figure.styled():
        figure.text(
            box.left / width, (box.top - 0.2) / height, name.value,
            fontsize=15, weight="bold", color=theme.text,
        )  # fmt: skip
        step = min(0.95, box.width * 0.72 / max(len(others), 1))
        for i, fact in enumerate(others):
            x = (box.right - (len(others) - i) * step + step) / width
            color = theme.text if fact.role == "muted" else theme.colors[fact.role]
            figure.text(
                x, (box.top - 0.08) / height, fact.label,
                fontsize=6.2, color=theme.muted_text, ha="right",
            )  # fmt: skip
            figure.text(
                x, (box.top - 0.235) / height, fact.value, fontsize=9, color=color, ha="right"
            )


def _run_legend(figure: CockpitFigure, box: Box, styles: Sequence[RunStyle]) -> None:
    """The runs' names beside their lines, in as many columns as need be."""
    theme = figure.theme
    width, height = figure.get_size_inches()
    handles = [
        Line2D(
            [], [], color=theme.colors[style.role], label=style.label, linewidth=2,
            linestyle=(0, DASHES[dashes]) if (dashes := style.dashes()) else "-",
        )
        for style in styles
    ]  # fmt: skip
    with figure.styled():
        figure.legend(
            handles=handles, ncols=-(-len(handles) // LEGEND_ROWS), loc="upper left",
            bbox_to_anchor=(box.left / width, (box.top + 0.06) / height), frameon=False,
            borderpad=0, borderaxespad=0, fontsize=9, labelcolor=theme.text, labelspacing=0.3,
        )  # fmt: skip
