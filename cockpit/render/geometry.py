"""Where things stand on a page: boxes in inches, computed without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cockpit.instruments.panel import Band, Bars, Heatmap, Line, Panel, Place, Points, Region
from cockpit.instruments.run_style import RUN_ROLES

TITLE = 0.21
NOTE = 0.135
LEGEND = 0.19
COLOR_BAR = 0.27
LEFT = 0.49  # room for tick texts
RIGHT = 0.08
BOTTOM = 0.2  # tick texts
LABEL = 0.12  # axis label below them
GAP = 0.05  # between a picture and its marginal
MARGINAL = 0.17  # of the picture's size
HISTORY = 0.36  # of a gauge's height goes to the history under it


Labelled = Line | Points | Band | Bars | Region


@dataclass(frozen=True)
class Box:
    """A rectangle: lower left corner and size, in inches."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Upper edge."""
        return self.bottom + self.height

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    def inset(self, left: float, bottom: float, right: float, top: float) -> Box:
        """What is left when margins are taken away on all sides; never less than a trace."""
        width = max(self.width - left - right, 0.05)
        height = max(self.height - bottom - top, 0.05)
        return Box(self.left + left, self.bottom + bottom, width, height)


def rows(box: Box, weights: Sequence[float], gap: float) -> list[Box]:
    """The box cut into rows from top to bottom, heights by weight."""
    free = box.height - gap * (len(weights) - 1)
    result, top = [], box.top
    for weight in weights:
        height = free * weight / sum(weights)
        result.append(Box(box.left, top - height, box.width, height))
        top -= height + gap
    return result


def columns(box: Box, weights: Sequence[float], gap: float) -> list[Box]:
    """The box cut into columns from left to right, widths by weight."""
    free = box.width - gap * (len(weights) - 1)
    result, left = [], box.left
    for weight in weights:
        width = free * weight / sum(weights)
        result.append(Box(left, box.bottom, width, box.height))
        left += width + gap
    return result


def legend_marks(panel: Panel) -> list[Labelled]:
    """The marks that a legend explains, one for each label; none if there is nothing to tell.

    A heat map has a color bar in the legend's place.
    """
    if color_bar_mark(panel) or not panel.legend:
        return []
    found: dict[str, Labelled] = {}
    for mark in panel.marks:
        if isinstance(mark, Labelled) and mark.label and not getattr(mark, "faint", False):
            found.setdefault(mark.label, mark)
    marks = list(found.values())
    if is_comparison(panel):
        marks.reverse()  # what is drawn last is in front
    return marks if len(marks) > 1 or any(isinstance(m, Points) for m in marks) else []


def is_comparison(panel: Panel) -> bool:
    """Whether colors stand for runs."""
    return any(getattr(mark, "role", "") in RUN_ROLES for mark in panel.marks)


def color_bar_mark(panel: Panel) -> Heatmap | None:
    """The heat map whose colors have to be explained."""
    shown = (panel, *panel.multiples)
    return next((m for one in shown for m in one.marks if isinstance(m, Heatmap)), None)


def grid_shape(count: int) -> tuple[int, int]:
    """Rows and columns for so many pictures of one kind."""
    columns = 2 if count in (2, 4) else min(count, 3)
    return -(-count // columns), columns


def header_height(panel: Panel) -> float:
    """Room for title, note, and legend or color bar."""
    height = TITLE + (NOTE if panel.note else 0)
    if color_bar_mark(panel):
        return height + COLOR_BAR
    return height + (LEGEND if legend_marks(panel) else 0.05)


def label_height(panel: Panel) -> float:
    """Room for the tick texts and the label of the horizontal axis."""
    lines = max((text.count("\n") for _, text in panel.x.ticks), default=0)
    return BOTTOM + 0.1 * lines + (LABEL if panel.x.label else 0.0)


def left_margin(panel: Panel) -> float:
    """Room for the tick texts and the label of the vertical axis."""
    longest = max((len(text) for _, text in panel.y.ticks), default=0)
    return LEFT + 0.05 * max(0, longest - 6)


def right_margin(panel: Panel) -> float:
    """Room for a second vertical axis."""
    return LEFT if panel.y2 is not None and panel.y2.visible else RIGHT


def panel_boxes(panel: Panel, box: Box) -> dict[Place | str, Box]:
    """Boxes of a panel's axes: ``main``, and its sides by place.

    Args:
        panel: What is drawn.
        box: All the room there is, with header and labels.
    """
    body = box.inset(0, 0, 0, header_height(panel))
    result: dict[Place | str, Box] = {}
    if "below" in panel.side:
        body, strip = rows(body, (1 - HISTORY, HISTORY), 0.06)
        side = panel.side["below"]
        result["below"] = strip.inset(LEFT, label_height(side), right_margin(side), 0.02)
    main = body.inset(left_margin(panel), label_height(panel), right_margin(panel), 0)
    if "right" in panel.side:
        main, result["right"] = columns(main, (1 - MARGINAL, MARGINAL), GAP)
    if "top" in panel.side:
        above, main = rows(main, (MARGINAL, 1 - MARGINAL), GAP)
        right = result.get("right")
        result["top"] = above
        if right:
            result["right"] = Box(right.left, main.bottom, right.width, main.height)
    result["main"] = main
    return result


def equal_ranges(panel: Panel, main: Box) -> Panel:
    """The panel with its shorter-looking range widened, so that both axes have the same unit."""
    if not panel.equal or panel.x.range is None or panel.y.range is None:
        return panel
    (x0, x1), (y0, y1) = panel.x.range, panel.y.range
    per_inch = max((x1 - x0) / main.width, (y1 - y0) / main.height)
    x = _widened(x0, x1, per_inch * main.width)
    y = _widened(y0, y1, per_inch * main.height)
    return replace(panel, x=replace(panel.x, range=x), y=replace(panel.y, range=y))


def _widened(low: float, high: float, span: float) -> tuple[float, float]:
    middle = 0.5 * (low + high)
    return middle - 0.5 * span, middle + 0.5 * span
