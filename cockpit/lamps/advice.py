"""What to change, put together from the lamps that are lit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cockpit.lamps.board import Board, Episode
from cockpit.lamps.course import Course
from cockpit.lamps.lamp import LEVELS, Level, Suggestion
from cockpit.lamps.statistics import WINDOW, critical_batch_size, median

__all__ = ["Advice", "advice"]

FACTOR = 16.0  # of the batch size: no further at once, up or down


@dataclass(frozen=True)
class Advice:
    """One change, for a person to read or a program to make.

    Attributes:
        change: What: ``lr``, ``batch_size``, ``stop``, or a word of the lamp's own; ``look`` where
            no program can do it.
        because: Names of the lamps that say so, the worst first.
        level: Of the worst of them.
        do: In words.
        factor: By how much to multiply it; None: see ``value``.
        value: What to set it to; None: see ``factor``.
        layers: Parameters or modules to look at.
    """

    change: str
    because: tuple[str, ...]
    level: Level
    do: str
    factor: float | None = None
    value: float | None = None
    layers: tuple[str, ...] = ()


def advice(board: Board) -> list[Advice]:
    """What the lit lamps suggest, the most pressing first; a pure function of the board.

    Lamps that another lit lamp explains have no say: their cause has. Suggestions to change the
    same are merged, whatever layers they are about: of factors in one direction the largest change,
    of opposite ones that of the worse lamp, which leads. Batch sizes are from CABS where it is
    tracked and meant for this optimizer, else from the noise of the gradient.

    Args:
        board: Of a run.
    """
    merged: dict[str | tuple[str, ...], Advice] = {}
    for episode in board.lit:  # warnings first
        if episode.cause is not None:
            continue
        found = _of(episode, board)
        key = found.layers if found.change == "look" else found.change
        merged[key] = _merge(merged[key], found) if key in merged else found
    return sorted(merged.values(), key=lambda one: LEVELS.index(one.level))


def _of(episode: Episode, board: Board) -> Advice:
    made = episode.reading.suggestion or Suggestion("look", layers=episode.reading.layers)
    one = Advice(
        change="look" if made.change == "layers" else made.change,
        because=(episode.lamp,),
        level=episode.level,
        do=board.lamp(episode.lamp).do,
        factor=made.factor,
        value=made.value,
        layers=made.layers,
    )
    if one.change != "batch_size":
        return one
    return replace(one, factor=None, value=_batch_size(made, board.course))


def _batch_size(made: Suggestion, course: Course) -> float | None:
    """A batch size in samples, in the direction that the lamp means."""
    now = course.now.batch_size if course.steps else None
    if made.value is not None or now is None:
        return made.value
    grow = (made.factor or 1) > 1
    sizes = [median(_cabs(course)), critical_batch_size(course), now * (made.factor or 1)]
    size = next((s for s in sizes if not math.isnan(s) and (s > now) == grow), float(now))
    return float(round(max(1.0, min(max(size, now / FACTOR), now * FACTOR))))


def _cabs(course: Course) -> Sequence[float]:
    """CABS's last suggestions, where the optimizer is the one it is derived for."""
    steps = [s for s in course.steps if "CABS" in s.values][-WINDOW:]
    return [s.values["CABS"] for s in steps if "assumption" not in s.notes.get("CABS", {})]


def _merge(first: Advice, second: Advice) -> Advice:
    """Two of the same change; the first one is of the worse lamp, or of the older one."""
    factor, value = first.factor, first.value
    if factor is None and value is None:
        factor, value = second.factor, second.value
    elif factor is not None and second.factor is not None:
        factor = _stronger(factor, second.factor)
    return replace(
        first,
        because=first.because + second.because,
        do=first.do if second.do in first.do else f"{first.do} {second.do}",
        factor=factor,
        value=value,
        layers=tuple(dict.fromkeys(first.layers + second.layers)),
    )


def _stronger(first: float, second: float) -> float:
    """Of two factors in one direction the one that changes more; else the first one."""
    if not (0 < first < math.inf and 0 < second < math.inf):
        return first
    logs = math.log(first), math.log(second)
    return second if logs[0] * logs[1] > 0 and abs(logs[1]) > abs(logs[0]) else first
