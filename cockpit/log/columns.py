"""What a reader keeps of a log in memory: growing columns of numbers."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import msgspec
import numpy as np

from cockpit.log.parse import SPECIAL, ValueLine

Numbers = list[float | str | None]


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
        try:
            self.flat.fromlist(numbers)  # type: ignore[arg-type]
        except TypeError:
            self.flat.fromlist([to_float(x) for x in numbers])

    def matrix(self, first: int = 0) -> np.ndarray:
        """The rows from the ``first`` on: float64, shape [rows, width]."""
        width = len(self.flat) // max(len(self.places), 1)
        return np.array(self.flat[first * width :]).reshape(len(self.places) - first, width)


class NoteTexts:
    """Notes beside the values of a column: most repeat, so that each is kept once.

    Attributes:
        distinct: JSON of each.
        numbers: Number of the notes, by place in the column; −1 where there are none. Ends with
            the last place that has any.
    """

    def __init__(self) -> None:
        self.distinct: list[bytes] = []
        self.numbers = array("q")
        self._number_of: dict[bytes, int] = {}

    def add(self, place: int, text: bytes) -> None:
        """Append the notes of a place behind all others."""
        numbers = self.numbers
        if len(numbers) < place:
            numbers.extend([-1] * (place - len(numbers)))
        number = self._number_of.setdefault(text, len(self.distinct))
        if number == len(self.distinct):
            self.distinct.append(text)
        numbers.append(number)


class Column:
    """One quantity: a number, perhaps a row of numbers and notes, at some of the records.

    Attributes:
        rows: Row of the record in :class:`Records`.
        values: The network-wide number.
        notes: What is noted beside the values.
        blocks: Rows of layers, by (attempt, width).
    """

    def __init__(self) -> None:
        self.rows = array("q")
        self.values = array("d")
        self.notes = NoteTexts()
        self.blocks: dict[tuple[int, int], Block] = {}
        self._last_key = (-1, -1)
        self._last_block = Block()

    def add(self, row: int, value: ValueLine, attempt: int) -> None:
        """Append what a step's line says of this quantity."""
        place = len(self.rows)
        number = value.value
        self.rows.append(row)
        self.values.append(number if type(number) is float else to_float(number))
        if layers := value.layers:
            self._add_layers(place, layers, attempt)
        if value.notes is not msgspec.UNSET:
            self.notes.add(place, bytes(value.notes))

    def add_number(self, row: int, number: float) -> None:
        """Append a bare number."""
        self.rows.append(row)
        self.values.append(number)

    def add_row(self, row: int, numbers: Numbers, attempt: int) -> None:
        """Append a row of numbers that has no network-wide one."""
        self._add_layers(len(self.rows), numbers, attempt)
        self.add_number(row, math.nan)

    def _add_layers(self, place: int, numbers: Numbers, attempt: int) -> None:
        key = (attempt, len(numbers))
        if key != self._last_key:
            self._last_key = key
            self._last_block = self.blocks.setdefault(key, Block())
        self._last_block.add(place, numbers)
