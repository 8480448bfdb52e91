"""The lamps of a run, from its log alone: as they were while it ran."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cockpit.lamps.board import Board, Change
from cockpit.lamps.course import FIRST, MEMORY
from cockpit.lamps.lamp import Lamp
from cockpit.lamps.lines import names_of, numbers_of, view_of
from cockpit.log import RunLog
from cockpit.log.attempts import Attempt, bounds, clean_header
from cockpit.log.lines import LineReader
from cockpit.log.parse import StepLine, as_int, parse_line

__all__ = ["board_before", "replay"]

Record = StepLine | dict[str, Any]


def replay(
    source: str | os.PathLike[str] | RunLog,
    lamps: Sequence[Lamp] | None = None,
    silenced: Iterable[str] = (),
    on_change: Callable[[Change], object] | None = None,
) -> Board:
    """The board of a run after its last record; a log of any length is read in little memory.

    Only records that count are looked at: those of an attempt that a later one made again are left
    out. Each attempt begins with all lamps dark, and knows the steps before it.

    Args:
        source: The run's folder, its log file, or its reader.
        lamps: Those to look at; None: all.
        silenced: Names of lamps to leave out.
        on_change: Called with each change, in order.

    Raises:
        FileNotFoundError: If there is no log.
    """
    log = source if isinstance(source, RunLog) else RunLog(source, read=False)
    return _fold(log.path, _records(log.path, _limits(log.path)), lamps, silenced, on_change)


def board_before(path: Path, attempt: int, step: int) -> Board:
    """What a resumed run knows of the attempts before it: a board without lamps.

    Of steps that it would forget at once, nothing but their number is looked at, and what they had.

    Args:
        path: The log.
        attempt: Number of the attempt that goes on.
        step: Its first tracked step: what was done from there on is done again.
    """
    name = path.resolve().parent.name
    board = Board(clean_header({}, name), ())
    recent: deque[StepLine] = deque()
    for record in _records(path, [min(limit, step) for limit in _limits(path, attempt)], attempt):
        if isinstance(record, StepLine):
            recent.append(record)
            if board.course.count < FIRST:
                board.take(view_of(recent.popleft()))
            elif len(recent) > MEMORY:
                board.course.pass_over(names_of(recent.popleft()))
        elif record["type"] == "header":
            _take(board, recent)
            before, board = board, Board(clean_header(record, name), ())
            board.go_on_from(before)
        elif (numbers := numbers_of(record)) is not None:
            board.take_user(*numbers)
    _take(board, recent)
    return board


def _take(board: Board, lines: deque[StepLine]) -> None:
    while lines:
        board.take(view_of(lines.popleft()))


def _fold(
    path: Path,
    records: Iterator[Record],
    lamps: Sequence[Lamp] | None,
    silenced: Iterable[str] = (),
    on_change: Callable[[Change], object] | None = None,
) -> Board:
    name, quiet = path.resolve().parent.name, frozenset(silenced)
    board = Board(clean_header({}, name), lamps, quiet)
    for record in records:
        if isinstance(record, StepLine):
            for change in board.take(view_of(record)):
                if on_change is not None:
                    on_change(change)
        elif record["type"] == "header":
            before, board = board, Board(clean_header(record, name), lamps, quiet)
            board.go_on_from(before)
        elif (numbers := numbers_of(record)) is not None:
            board.take_user(*numbers)
    return board


def _limits(path: Path, before: float = math.inf) -> list[float]:
    """For each attempt the step from which on later ones made it again.

    What precedes the first header counts as an attempt.

    Args:
        path: The log.
        before: Look at the attempts before this number.
    """
    attempts = [_attempt()]
    for _, line in LineReader(path).lines():
        maybe_header = b'"header"' in line
        if not maybe_header and attempts[-1].first_step is not None:
            continue
        record = parse_line(line)
        if isinstance(record, StepLine):
            if attempts[-1].first_step is None:  # a later step may speak of a header, too
                attempts[-1].first_step = record.step
        elif record is not None and record["type"] == "header":
            if _number(record) >= before:
                break
            attempts.append(_attempt())
    return bounds(attempts)


def _attempt() -> Attempt:
    return Attempt(clean_header({}, ""))


def _number(header: dict[str, Any]) -> int:
    return as_int(header.get("attempt")) or 0


def _records(path: Path, limits: list[float], before: float = math.inf) -> Iterator[Record]:
    """Headers, and the steps and user's records that count, in the order of the log."""
    attempt = 0
    for _, line in LineReader(path).lines():
        record = parse_line(line)
        if record is None:
            continue
        if isinstance(record, StepLine):
            if record.step < limits[attempt]:
                yield record
        elif record["type"] == "header":
            attempt += 1
            if _number(record) >= before or attempt >= len(limits):
                return  # or an attempt that began after the limits were found
            yield record
        elif record["type"] == "user" and (as_int(record.get("step")) or 0) < limits[attempt]:
            yield record
