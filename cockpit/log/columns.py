"""What a reader keeps of a log in memory: growing columns of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from cockpit.log.growing import Numbers
from cockpit.log.parse import SPECIAL, ValueLine

Row = list[float | str | None]


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
        self.step, self.time = Numbers("q"), Numbers("d")
        self.offset, self.length = Numbers("q"), Numbers("q")
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, step: int, time: float | str, offset: int, length: int) -> int:
        """Append a record; returns its row."""
        self.step.add(step)
        self.time.add(to_float(time))
        self.offset.add(offset)
        self.length.add(length)
        self._size += 1
        return self._size - 1

    def numbers(self) -> Iterator[Numbers]:
        """All that grows."""
        yield from (self.step, self.time, self.offset, self.length)


class Block:
    """Rows of numbers, all of one width: the layers of one quantity in one attempt."""

    def __init__(self) -> None:
        self.places = Numbers("q")  # of the row in its column
        self.flat = Numbers("d")

    def add(self, place: int, numbers: Row) -> None:
        """Append a row; None and damaged entries become NaN."""
        self.places.add(place)
        try:
            self.flat.extend(numbers)
        except TypeError:
            self.flat.extend([to_float(x) for x in numbers])

    def matrix(self, first: int = 0) -> np.ndarray:
        """The rows from the ``first`` on: float64, shape [rows, width]."""
        width = len(self.flat) // max(len(self.places), 1)
        return self.flat.view[first * width :].reshape(len(self.places) - first, width)


class NoteTexts:
    """Notes beside the values of a column: most repeat, so that each is kept once.

    Attributes:
        distinct: JSON of each.
        numbers: Number of the notes, by place in the column; −1 where there are none. Ends with
            the last place that has any.
    """

    def __init__(self) -> None:
        self.distinct: list[bytes] = []
        self.numbers = Numbers("q")
        self._size = 0
        self._number_of: dict[bytes, int] = {}

    def add(self, place: int, text: bytes) -> None:
        """Append the notes of a place behind all others."""
        if self._size < place:
            self.numbers.extend([-1] * (place - self._size))
        self._size = place + 1
        number = self._number_of.setdefault(text, len(self.distinct))
        if number == len(self.distinct):
            self.distinct.append(text)
        self.numbers.add(number)


class Column:
    """One quantity: a number, perhaps a row of numbers and notes, at some of the records.

    Attributes:
        rows: Row of the record in :class:`Records`.
        values: The network-wide number.
        notes: What is noted beside the values.
        blocks: Rows of layers, by (attempt, width).
    """

    def __init__(self) -> None:
        self.rows, self.values = Numbers("q"), Numbers("d")
        self.notes = NoteTexts()
        self.blocks: dict[tuple[int, int], Block] = {}
        self._size = 0
        self._last_key = (-1, -1)
        self._last_block: Block | None = None

    def add(self, row: int, value: ValueLine, attempt: int) -> None:
        """Append what a step's line says of this quantity."""
        place = self._size
        self._size += 1
        number = value.value
        self.rows.add(row)
        self.values.add(number if type(number) is float else to_float(number))
        if layers := value.layers:
            self._add_layers(place, layers, attempt)
        if value.notes is not msgspec.UNSET:
            self.notes.add(place, bytes(value.notes))

    def add_number(self, row: int, number: float) -> None:
        """Append a bare number."""
        self._size += 1
        self.rows.add(row)
        self.values.add(number)

    def add_row(self, row: int, numbers: Row, attempt: int) -> None:
        """Append a row of numbers that has no network-wide one."""
        self._add_layers(self._size, numbers, attempt)
        self.add_number(row, math.nan)

    def _add_layers(self, place: int, numbers: Row, attempt: int) -> None:
        key = (attempt, len(numbers))
        if self._last_block is None or key != self._last_key:
            self._last_key, self._last_block = key, self.blocks.setdefault(key, Block())
        self._last_block.add(place, numbers)

    def numbers(self) -> Iterator[Numbers]:
        """All that grows."""
        yield from (self.rows, self.values, self.notes.numbers)
        for block in self.blocks.values():
            yield from (block.places, block.flat)
