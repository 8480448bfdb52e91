"""What a reader keeps of a log in memory: growing columns of numbers."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cockpit.log.parse import SPECIAL, ValueLine

Numbers = Sequence[float | str | None]


@dataclass(frozen=True)
class Series:
    """A number over the steps; three arrays of one length, sorted by step.

    Attributes:
        step: int64.
        value: float64.
        time: float64, seconds of training (pauses between attempts are not counted).
    """

    step: np.ndarray
    value: np.ndarray
    time: np.ndarray

    def __len__(self) -> int:
        return int(self.step.size)


def to_float(value: float | str | None) -> float:
    """A decoded number; NaN for what is none."""
    if isinstance(value, str):
        return SPECIAL.get(value, math.nan)
    return math.nan if value is None else float(value)


class Records:
    """The columns that all records of one type share, and where their lines lie in the file."""

    def __init__(self) -> None:
        self.step = array("q")
        self.time = array("d")
        self.offset = array("q")
        self.length = array("q")

    def __len__(self) -> int:
        return len(self.step)

    def add(self, step: int, time: float | str, offset: int, length: int) -> int:
        """Append a record; returns its row."""
        self.step.append(step)
        self.time.append(to_float(time))
        self.offset.append(offset)
        self.length.append(length)
        return len(self.step) - 1


class Block:
    """Rows of numbers, all of one width: the layers of one quantity in one attempt."""

    def __init__(self) -> None:
        self.places = array("q")  # of the row in its column
        self.flat = array("d")

    def add(self, place: int, numbers: Numbers) -> None:
        """Append a row; None and damaged entries become NaN."""
        self.places.append(place)
        filled = len(self.flat)
        try:
            self.flat.extend(numbers)  # type: ignore[arg-type]
        except TypeError:  # it stopped in the middle
            del self.flat[filled:]
            self.flat.extend(map(to_float, numbers))

    def matrix(self) -> np.ndarray:
        """float64, shape [rows, width]."""
        return np.array(self.flat).reshape(len(self.places), -1)


@dataclass
class Column:
    """One quantity: a number, perhaps a row of numbers and notes, at some of the records.

    Attributes:
        rows: Row of the record in :class:`Records`.
        values: The network-wide number.
        notes: JSON of the notes, by place in this column; only where there are any.
        blocks: Rows of layers, by (attempt, width).
    """

    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    notes: dict[int, bytes] = field(default_factory=dict)
    blocks: dict[tuple[int, int], Block] = field(default_factory=dict)
    _last_notes: bytes = b""

    def add(self, row: int, value: ValueLine, attempt: int) -> None:
        """Append what a step's line says of this quantity."""
        place = len(self.rows)
        self.rows.append(row)
        number = value.value
        self.values.append(number if type(number) is float else to_float(number))
        layers = value.layers
        if layers:
            key = (attempt, len(layers))
            block = self.blocks.get(key)
            if block is None:
                block = self.blocks[key] = Block()
            block.add(place, layers)
        notes = bytes(value.notes)
        if notes:
            if notes == self._last_notes:
                notes = self._last_notes  # most repeat: keep one copy
            self._last_notes = self.notes[place] = notes

    def add_number(self, row: int, number: float) -> None:
        """Append a bare number."""
        self.rows.append(row)
        self.values.append(number)

    def add_row(self, row: int, numbers: Numbers, attempt: int) -> None:
        """Append a row of numbers that has no network-wide one."""
        self.add(row, ValueLine(kind="", layers=list(numbers)), attempt)
