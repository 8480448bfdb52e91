"""What panels are drawn on as text: its size, and how a line is divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis
from cockpit.instruments.scales import from_scale
from cockpit.render.terminal_text import STYLES, fit, words

INDENT, LABEL, VALUE = 2, 14, 8  # columns
GUTTER = INDENT + LABEL + VALUE + 1  # columns left of a picture

Span = tuple[float, float]


@dataclass(frozen=True)
class Paper:
    """What panels are drawn on.

    Attributes:
        width: In columns.
        rows: Lines of a picture; 0: one line for the whole panel.
        color: Whether there are colors beyond those of the words.
    """

    width: int
    rows: int = 2
    color: bool = True

    @property
    def picture(self) -> int:
        """Columns of a picture."""
        return max(self.width - GUTTER, 8)


def labelled(label: str, picture: Text, value: str = "") -> Text:
    """A picture with a label, and perhaps the present value, to its left."""
    line = words(" " * INDENT)
    line.append(fit(label, LABEL + (0 if value else VALUE)), "dim")
    if value:
        line.append(fit(value, VALUE, "right"), STYLES["warning"] if is_bad(value) else "")
    return line.append(" ").append_text(picture)


def scaled(number: str, picture: Text) -> Text:
    """A picture with what its axis says there to its left."""
    return words(fit(number, GUTTER - 1, "right") + " ", "dim").append_text(picture)


def end_texts(axis: Axis, ends: Span, rows: int) -> list[str]:
    """The ends of an axis beside the first and the last row of a picture.

    Args:
        axis: The axis; where there is but one row, its label stands there as well if it fits.
        ends: Lowest and highest position, on the axis's scale.
        rows: Lines of the picture.
    """
    low, high = (format_number(float(v)) for v in from_scale(np.array(ends), axis))
    kind = "" if axis.scale == "linear" else f"{axis.scale}  "
    if rows == 1:
        ends_text = f"{kind}{low} … {high}"
        room = GUTTER - 3 - cell_len(ends_text) - cell_len(axis.label)
        return [f"{axis.label}  {ends_text}" if axis.label and room >= 0 else ends_text]
    return [high, *[""] * (rows - 2), f"{kind}{low}"]


def is_bad(value: str) -> bool:
    """Whether a text holds a number that is not finite."""
    return any(word in ("NaN", "Inf", "−Inf") for word in value.split())
