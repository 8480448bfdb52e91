"""Which records of a log count, and the arrays that they make; what is known of them grows along.

As long as no attempt begins, a new record takes nothing back: its numbers are appended to the
arrays that are there. Where that does not hold (a new attempt, a step once more) they are made
anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from cockpit.log.attempts import is_alive, spans, time_offsets
from cockpit.log.columns import Block, Column, Records, Series
from cockpit.log.contents import Contents
from cockpit.log.growing import Growing, Numbers

T = TypeVar("T")

# A matrix of layers is dense. Where a damaged log would blow it up beyond this many cells for each
# number that was read, there is no matrix.
_MAX_SPREAD, _SPREAD_FROM = 64, 1 << 20


class LiveRows:
    """The records of a log that no later attempt superseded, sorted by step.

    Args:
        contents: What was read so far; call :meth:`grown` when it has become more.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known: dict[tuple[str, int], tuple[object, object]] = {}
        self._settled: tuple[int, int | None] = (0, None)
        self._offsets: list[float] = []
        self.grown()

    def grown(self) -> None:
        """Take note that records were added."""
        attempts = self._contents.attempts
        settled = (len(attempts), attempts[-1].first_step if attempts else None)
        if settled != self._settled:
            self._settled = settled
            self._known.clear()
            self._offsets = time_offsets(attempts, self._contents.steps)

    def offsets(self) -> list[float]:
        """Seconds to add to the times of each attempt."""
        return self._offsets

    def alive(self, records: Records) -> np.ndarray:
        """Which records count; bool, one per record."""
        return self._common(records).alive.view

    def counts(self, rows: Numbers, records: Records) -> bool:
        """Whether any of some records counts."""
        alive = self.alive(records)
        return len(rows) > 0 and bool(alive[int(rows[-1])] or alive[rows.view].any())

    def last_step(self, records: Records) -> int | None:
        """The highest step that counts."""
        return self._common(records).highest

    def every(self, records: Records) -> Numbers:
        """The rows of all records."""
        rows = self._once("every", records, lambda: Numbers("q"))
        rows.extend(list(range(len(rows), len(records))))
        return rows

    def places(self, rows: Numbers, records: Records) -> np.ndarray:
        """Places in ``rows`` of the records that count: sorted by step, each step once."""
        return self._sorted(rows, records).places.view

    def steps(self, rows: Numbers, records: Records) -> np.ndarray:
        """Steps of :meth:`places`, int64."""
        return self._sorted(rows, records).step.view

    def series(self, column: Column, records: Records) -> Series:
        """The numbers of a column."""
        rows = self._sorted(column.rows, records)
        kept = self._once("series", column, _Numbers)
        kept.follow(column, rows)
        return Series(rows.step.view, kept.value.view, rows.time.view)

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
        rows = self._sorted(column.rows, self._contents.steps)
        widest = max((width for _, width in column.blocks), default=0)
        width = len(names[-1]) if names and names[-1] else widest
        numbers = sum(len(block.flat) for block in column.blocks.values())
        if len(rows.step) * width > _SPREAD_FROM + _MAX_SPREAD * numbers:
            return rows.step.view[:0], np.zeros((0, width))
        kept = self._once("matrix", column, lambda: _Matrix(width))
        if kept.width != width:
            self._known.pop(("matrix", id(column)))
            kept = self._once("matrix", column, lambda: _Matrix(width))
        kept.follow(column, rows, names)
        return rows.step.view, kept.value.view

    def _once(self, what: str, owner: object, make: Callable[[], T]) -> T:
        """What ``make`` gives, kept for this owner until an attempt begins."""
        key = (what, id(owner))
        if key not in self._known:
            self._known[key] = (make(), owner)  # while the owner is kept its id is its own
        found: T = self._known[key][0]  # type: ignore[assignment]
        return found

    def _common(self, records: Records) -> _Common:
        common = self._once("common", records, _Common)
        common.follow(records, self._contents, self._offsets)
        return common

    def _sorted(self, rows: Numbers, records: Records) -> _Sorted:
        if len(rows) == len(records):  # each record has one: as all other such columns
            rows = self.every(records)
        found = self._once("sorted", rows, _Sorted)
        found.follow(rows, self._common(records))
        return found


class _Common:
    """Steps, times since the first header, and which count, of all records of a type."""

    def __init__(self) -> None:
        self.step, self.time = Growing(np.int64), Growing(np.float64)
        self.alive = Growing(np.bool_)
        self.highest: int | None = None

    def follow(self, records: Records, contents: Contents, offsets: list[float]) -> None:
        known, total = len(self.step), len(records)
        if known == total:
            return
        step, time = records.step.view[known:], records.time.view[known:].copy()
        if known == 0:
            table = 0 if records is contents.steps else 1
            for rows, offset in zip(spans(contents.attempts, table, total), offsets, strict=True):
                time[rows] += offset
            alive = is_alive(contents.attempts, table, step)
        else:  # all of the latest attempt, which nothing supersedes
            time += offsets[-1]
            alive = np.ones(step.size, np.bool_)
        self.step.append(step)
        self.time.append(time)
        self.alive.append(alive)
        if alive.any():
            highest = int(step[alive].max())
            self.highest = highest if self.highest is None else max(highest, self.highest)


class _Sorted:
    """The records of some rows that count: sorted by step, each step once.

    Attributes:
        places: Places in the rows, int64.
        step: Their steps, int64.
        time: Their times, float64.
        order: Another object whenever the order is made anew.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._clear()

    def _clear(self) -> None:
        self.order = object()
        self.places, self.step = Growing(np.int64), Growing(np.int64)
        self.time = Growing(np.float64)

    def follow(self, rows: Numbers, common: _Common) -> None:
        first, self._seen = self._seen, len(rows)
        if first == len(rows):
            return
        new = rows.view[first:]
        steps = common.step.view[new]
        last = self.step.view[-1] if len(self.step) else np.iinfo(np.int64).min
        if first and steps[0] > last and (steps[1:] > steps[:-1]).all():
            self.places.append(np.arange(first, len(rows)))
            self.step.append(steps)
            self.time.append(common.time.view[new])
        else:
            self._anew(rows.view, common)

    def _anew(self, rows: np.ndarray, common: _Common) -> None:
        self._clear()
        places = np.flatnonzero(common.alive.view[rows])
        steps = common.step.view[rows[places]]
        if not (steps[1:] > steps[:-1]).all():
            order = np.argsort(steps, kind="stable")
            steps = steps[order]
            is_last = np.append(steps[1:] != steps[:-1], True)
            places, steps = places[order[is_last]], steps[is_last]
        self.places.append(places)
        self.step.append(steps)
        self.time.append(common.time.view[rows[places]])


class _Numbers:
    """Values of the records of a column that count."""

    def __init__(self) -> None:
        self._order: object = None

    def follow(self, column: Column, rows: _Sorted) -> None:
        if self._order is not rows.order:
            self._order, self.value = rows.order, Growing(np.float64)
        new = rows.places.view[len(self.value) :]
        if new.size:
            self.value.append(column.values.view[new])


class _Matrix:
    """The rows of numbers of a column that count, in the order of the latest names."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._order: object = None

    def follow(self, column: Column, rows: _Sorted, names: list[list[str]] | None) -> None:
        if self._order is not rows.order:
            self._order = rows.order
            self._taken: dict[tuple[int, int], int] = {}
            self.value = Growing(np.float64, self.width)
        known = len(self.value)
        new = rows.places.view[known:]
        if not new.size:
            return
        start = int(new.min())
        target = np.full(len(column.rows) - start, -1)
        target[new - start] = np.arange(new.size)
        matrix = np.full((new.size, self.width), np.nan)
        for (attempt, width), block in column.blocks.items():
            into = _matching(names, attempt, width, self.width)
            self._fill(matrix, (attempt, width), block, target, start, into)
        self.value.append(matrix)

    def _fill(
        self,
        matrix: np.ndarray,
        key: tuple[int, int],
        block: Block,
        target: np.ndarray,
        start: int,
        entries: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Put the rows of a block that were not taken yet into their places."""
        first = self._taken.get(key, 0)
        self._taken[key] = len(block.places)
        place = block.places.view[first:] - start
        into = np.where(place >= 0, target[np.maximum(place, 0)], -1)
        source, wanted = entries
        numbers = block.matrix(first)[into >= 0]
        matrix[np.ix_(into[into >= 0], wanted)] = numbers[:, source]


def _matching(
    names: list[list[str]] | None, attempt: int, width: int, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of an attempt's row of ``width`` go where in one of ``wanted``."""
    given, latest = (names[attempt], names[-1]) if names else ([], [])
    if given == latest or len(given) != width:
        both = np.arange(min(width, wanted))
        return both, both
    place = {name: i for i, name in enumerate(latest)}
    pairs = [(i, place[name]) for i, name in enumerate(given) if name in place]
    source, into = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return source, into
