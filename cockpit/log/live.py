"""Which records of a log count, and the arrays that they make."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from cockpit.log.attempts import is_alive, spans, time_offsets
from cockpit.log.columns import Column, Records, Series
from cockpit.log.contents import Contents

T = TypeVar("T")

# A matrix of layers is dense. Where a damaged log would blow it up beyond this many cells for each
# number that was read, there is no matrix.
_MAX_SPREAD, _SPREAD_FROM = 64, 1 << 20


class LiveRows:
    """The records of a log that no later attempt superseded, sorted by step.

    Computes each array once: make a new one when the contents have grown.

    Args:
        contents: What was read so far.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known: dict[tuple[str, int], tuple[Any, object]] = {}

    def alive(self, records: Records) -> np.ndarray:
        """Which records count; bool, one per record."""
        return self._common(records)[2]

    def offsets(self) -> list[float]:
        """Seconds to add to the times of each attempt."""
        contents = self._contents
        return self._once(
            "offsets", contents, lambda: time_offsets(contents.attempts, contents.steps)
        )

    def every(self, records: Records) -> array[int]:
        """The rows of all records."""
        return self._once("every", records, lambda: array("q", range(len(records))))

    def places(self, rows: array[int], records: Records) -> np.ndarray:
        """Places in ``rows`` of the records that count: sorted by step, each step once."""
        return self._once("places", rows, lambda: self._places(rows, records))

    def steps(self, rows: array[int], records: Records) -> np.ndarray:
        """Steps of :meth:`places`, int64."""
        kept = np.array(rows, dtype=np.int64)[self.places(rows, records)]
        return _read_only(self._common(records)[0][kept])

    def series(self, column: Column, records: Records) -> Series:
        """The numbers of a column."""
        return self._once("series", column, lambda: self._series(column, records))

    def matrix(
        self, column: Column, names: list[list[str]] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows of numbers of a column of step records.

        Args:
            column: The column.
            names: What the entries of a row are called, by attempt. Those of earlier attempts
                are put in the places of the latest one's. None: by place.

        Returns:
            Steps [T], and float64 [T, L], NaN where there is nothing.
        """
        return self._once("matrix", column, lambda: self._matrix(column, names))

    def _once(self, what: str, owner: object, make: Callable[[], T]) -> T:
        """The result of ``make``, kept for this owner."""
        key = (what, id(owner))
        if key not in self._known:
            self._known[key] = (make(), owner)  # while the owner is kept its id is its own
        found: T = self._known[key][0]
        return found

    def _common(self, records: Records) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, times since the first header, and which count."""
        return self._once("common", records, lambda: self._count(records))

    def _count(self, records: Records) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        attempts = self._contents.attempts
        table = 0 if records is self._contents.steps else 1
        step = np.array(records.step, dtype=np.int64)
        time = np.array(records.time, dtype=np.float64)
        for rows, offset in zip(spans(attempts, table, step.size), self.offsets(), strict=True):
            time[rows] += offset
        return step, time, is_alive(attempts, table, step)

    def _series(self, column: Column, records: Records) -> Series:
        places = self.places(column.rows, records)
        kept = np.array(column.rows, dtype=np.int64)[places]
        step, time, _ = self._common(records)
        values = np.array(column.values, dtype=np.float64)[places]
        return Series(*map(_read_only, (step[kept], values, time[kept])))

    def _places(self, rows: array[int], records: Records) -> np.ndarray:
        step, _, alive = self._common(records)
        kept = np.array(rows, dtype=np.int64)
        places = np.flatnonzero(alive[kept])
        steps = step[kept[places]]
        if (steps[1:] > steps[:-1]).all():
            return places
        order = np.argsort(steps, kind="stable")
        steps = steps[order]
        is_last = np.append(steps[1:] != steps[:-1], True)
        return places[order[is_last]]

    def _matrix(
        self, column: Column, names: list[list[str]] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        records = self._contents.steps
        steps = self.steps(column.rows, records)
        widest = max((width for _, width in column.blocks), default=0)
        latest = names[-1] if names else []
        width = len(latest) or widest
        numbers = sum(len(block.flat) for block in column.blocks.values())
        if steps.size * width > _SPREAD_FROM + _MAX_SPREAD * numbers:
            return _read_only(steps[:0]), np.zeros((0, width))
        place_of = np.full(len(column.rows), -1)
        places = self.places(column.rows, records)
        place_of[places] = np.arange(places.size)
        matrix = np.full((steps.size, width), np.nan)
        for (attempt, _), block in column.blocks.items():
            target = place_of[np.array(block.places, dtype=np.int64)]
            block_rows = block.matrix()[target >= 0]
            given = names[attempt] if names else []
            source, into = _matching(given, latest, block_rows.shape[1], width)
            matrix[np.ix_(target[target >= 0], into)] = block_rows[:, source]
        return steps, _read_only(matrix)


def _matching(
    given: list[str], latest: list[str], width: int, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of a row of ``width`` go where in one of ``wanted``."""
    if given == latest or len(given) != width:
        both = np.arange(min(width, wanted))
        return both, both
    place = {name: i for i, name in enumerate(latest)}
    pairs = [(i, place[name]) for i, name in enumerate(given) if name in place]
    source, into = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return source, into


def _read_only(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values
