"""Pictures made of characters: pure functions from arrays to a grid of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from rich.cells import cell_len
from rich.text import Text

EIGHTHS = " ▁▂▃▄▅▆▇█"
SHADES = "·░▒▓█"
HAZE = "░"
CROSS = "×"


class Grid:
    """Cells of a picture, each a character and a style.

    Args:
        rows: Height, in lines.
        width: In columns.
    """

    def __init__(self, rows: int, width: int) -> None:
        self.rows, self.width = rows, width
        self.characters = [[" "] * width for _ in range(rows)]
        self.styles = [[""] * width for _ in range(rows)]

    def put(self, row: int, column: int, character: str, style: str = "") -> None:
        """Set one cell; what lies outside is left out."""
        if 0 <= row < self.rows and 0 <= column < self.width:
            self.characters[row][column] = character
            self.styles[row][column] = style

    def write(self, row: int, column: int, text: str, style: str = "") -> None:
        """Set cells to the characters of a text that are one column wide."""
        for i, character in enumerate(text):
            self.put(row, column + i, character if cell_len(character) == 1 else "·", style)

    def line(self, row: int) -> Text:
        """A row as text."""
        text = Text(end="", no_wrap=True)
        start = 0
        characters, styles = self.characters[row], self.styles[row]
        for i in range(1, self.width + 1):
            if i == self.width or styles[i] != styles[start]:
                text.append("".join(characters[start:i]), styles[start])
                start = i
        return text

    def bar(self, column: int, level: float, style: str, haze: float = 0.0) -> None:
        """A column filled up to ``level`` in [0, 1], and thinly from there up to ``haze``."""
        eighths = max(round(level * 8 * self.rows), 1)
        top = max(int(np.ceil(haze * self.rows - 0.25)), 0)
        for i in range(self.rows):
            filled = min(max(eighths - 8 * i, 0), 8)
            row = self.rows - 1 - i
            if filled:
                self.put(row, column, EIGHTHS[filled], style)
            elif i < top:
                self.put(row, column, HAZE, "dim")


def columns_of(x: np.ndarray, span: tuple[float, float], width: int) -> np.ndarray:
    """The column of each position, int64, -1 where it lies outside of ``span``.

    Args:
        x: Positions, shape [T].
        span: Left and right end.
        width: Number of columns.
    """
    low, high = span
    scaled = (np.asarray(x, dtype=float) - low) / max(high - low, 1e-300) * width
    inside = (scaled >= 0) & (scaled <= width * (1 + 1e-12))
    return np.where(inside, np.clip(np.nan_to_num(scaled), 0, width - 1), -1).astype(np.int64)


def resample(
    x: np.ndarray,
    y: np.ndarray,
    span: tuple[float, float],
    width: int,
    pick: Literal["mean", "max"] = "mean",
) -> np.ndarray:
    """One value for each column of a picture.

    A column between two points shows the one before it. NaN stays NaN: where a line breaks, and
    before and after it.

    Args:
        x: Positions, shape [T], increasing.
        y: Values, shape [T]; may hold NaN.
        span: Left and right end of the picture.
        width: Number of columns.
        pick: ``mean`` or ``max`` of the finite values that fall into a column.

    Returns:
        Shape [width].
    """
    result = np.full(width, np.nan)
    at = columns_of(x, span, width)
    at, y = at[at >= 0], np.asarray(y, dtype=float)[at >= 0]
    if at.size == 0:
        return result
    starts = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
    finite = np.isfinite(y)
    counts = np.add.reduceat(finite.astype(np.int64), starts)
    if pick == "max":
        picked = np.maximum.reduceat(np.where(finite, y, -np.inf), starts)
    else:
        picked = np.add.reduceat(np.where(finite, y, 0.0), starts) / np.maximum(counts, 1)
    picked[counts == 0] = np.nan
    columns = np.arange(at[0], at[-1] + 1)
    result[columns] = picked[np.searchsorted(at[starts], columns, side="right") - 1]
    return result


def heat_rows(
    levels: np.ndarray, colors: Sequence[str] | None, *, doubled: bool = True
) -> list[Text]:
    """Lines of colored cells, or, without color, of shaded ones.

    Args:
        levels: In [0, 1], NaN where empty, shape [rows, width]; with ``doubled`` two rows make
            one line.
        colors: From small to large; ``None`` without color.
        doubled: Whether a line shows two rows, by the halves of its cells.
    """
    if colors is None:
        kept = _pairs(levels) if doubled else levels
        return [Text(_shades(row), end="", no_wrap=True) for row in kept]
    if not doubled:
        levels = np.repeat(levels, 2, axis=0)
    if len(levels) % 2:
        levels = np.concatenate([levels, np.full((1, levels.shape[1]), np.nan)])
    lines = []
    for upper, lower in zip(levels[::2], levels[1::2], strict=True):
        line = Text(end="", no_wrap=True)
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append(*_cell(above, below, colors))
        lines.append(line)
    return lines


def _cell(above: float, below: float, colors: Sequence[str]) -> tuple[str, str]:
    """Character and style of a cell whose halves have two colors."""
    if np.isnan(above) and np.isnan(below):
        return " ", ""
    if np.isnan(above):
        return "▄", _color(colors, below)
    if np.isnan(below):
        return "▀", _color(colors, above)
    return "▀", f"{_color(colors, above)} on {_color(colors, below)}"


def _color(colors: Sequence[str], level: float) -> str:
    return colors[round(level * (len(colors) - 1))]


def _pairs(levels: np.ndarray) -> np.ndarray:
    """The larger of each two rows."""
    if len(levels) % 2:
        levels = np.concatenate([levels, levels[-1:]])
    return np.fmax(levels[::2], levels[1::2])


def _shades(row: np.ndarray) -> str:
    last = len(SHADES) - 1
    return "".join(" " if np.isnan(v) else SHADES[round(float(v) * last)] for v in row)
