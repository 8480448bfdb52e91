"""How the lamps of a run stand: which are lit, went out, saw nothing wrong, could not tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cockpit.lamps.board import Board, Episode
from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import LEVELS, Lamp, Level, Reading, Suggestion, all_lamps
from cockpit.lamps.lines import view_of
from cockpit.lamps.replay import replay
from cockpit.log.parse import STORED_KINDS, StepLine, as_dict, parse_line

if TYPE_CHECKING:
    from cockpit.log import RunLog

__all__ = ["Finding", "Outcome", "root_of", "silenced_in", "watching"]

FACTS = "facts"  # kind of the values whose names have dots
LOOKED_AT = 2  # steps at either end of a log by which lamps are held to be able to tell
JUDGED_AT = 400  # of a long log, those by which it is found out whether they could
SHORT = 4_000  # steps
ANEW = "only a look at {} afterwards lights it: cockpit report --anew"


@dataclass(frozen=True)
class Finding:
    """A lit lamp that stands for itself, with those that show its consequences.

    Attributes:
        root: The lamp that names the cause.
        consequences: Lit lamps that it explains, worst and oldest first.
    """

    root: Episode
    consequences: tuple[Episode, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of all: a caution that explains a warning asks to act now, too."""
        levels = [episode.level for episode in (self.root, *self.consequences)]
        return min(levels, key=LEVELS.index)


@dataclass(frozen=True)
class Outcome:
    """How the lamps of a run stand.

    Attributes:
        watched: Whether there were any; without, all else is empty.
        lit: Those that are lit, or were when the run ended: warnings first, then oldest first.
        past: Those that went out, in this order.
        healthy: Lamps that could tell, and never lit. As of a log: all that nothing hinders;
            :meth:`judged` knows better.
        absent: Names of lamps that cannot tell anything, with the reason.
        silenced: Names of lamps that the program left out.
    """

    watched: bool = False
    lit: tuple[Episode, ...] = ()
    past: tuple[Episode, ...] = ()
    healthy: tuple[Lamp, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    silenced: tuple[str, ...] = ()

    @classmethod
    def of_board(cls, board: Board) -> Outcome:
        """As a board has it."""
        lit, past, absent = tuple(board.lit), tuple(board.past), board.absent
        healthy = tuple(one for one in board.healthy if one.name not in absent)
        return cls(True, lit, past, healthy, absent, tuple(sorted(board.silenced)))

    @classmethod
    def of_log(cls, log: RunLog) -> Outcome:
        """As the log of a run says that it was seen while the run went on."""
        names = watching(log)
        if names is None:
            return cls()
        silenced = silenced_in(log.header)
        lit, past = _episodes(log)
        shone = {episode.lamp for episode in (*lit, *past)}
        there = [one for one in all_lamps() if one.name in names and one.name not in silenced]
        dark = [one for one in there if one.name not in shone]
        absent = _absent(log, dark)
        healthy = tuple(one for one in dark if one.name not in absent)
        return cls(True, tuple(lit), tuple(past), healthy, absent, silenced)

    def judged(self, log: RunLog) -> Outcome:
        """The same, with those only as healthy that have indeed read something in the log.

        Of a long log at its ends. Of a short one all that was lit says what it said at its worst.
        Takes a millisecond or two for each step.

        Args:
            log: The run's.
        """
        is_short = log.batch_sizes.step.size <= SHORT
        board = replay(log) if is_short else _board_at_the_ends(log, JUDGED_AT)
        dark = {*self.absent, *(one.name for one in self.healthy)}
        lit_now = {episode.lamp for episode in (*board.past, *board.lit)}
        later = ANEW.format("the log" if is_short else "parts of the log")
        absent = {name: why for name, why in board.absent.items() if name in dark}
        absent |= dict.fromkeys(sorted(dark & lit_now), later)
        healthy = [one for one in all_lamps() if one.name in dark and one.name not in absent]
        judged = replace(self, healthy=tuple(healthy), absent=absent)
        return judged._at_worst(board) if is_short else judged

    def _at_worst(self, board: Board) -> Outcome:
        """The same, with the worst readings: a log has them only where they change something."""
        worst = {(e.lamp, e.since, e.step): e.reading for e in (*board.past, *board.lit)}

        def told(episodes: Iterable[Episode]) -> tuple[Episode, ...]:
            return tuple(
                replace(e, reading=worst.get((e.lamp, e.since, e.step), e.reading))
                for e in episodes
            )

        return replace(self, lit=told(self.lit), past=told(self.past))

    @property
    def hidden(self) -> tuple[Lamp, ...]:
        """Dark lamps that would show a consequence of one that is or was lit.

        That they are dark does not say that what they look for is healthy: some leave what another
        one explains to that one.
        """
        loud = {e.lamp for e in (*self.lit, *self.past) if e.level != "advisory"}
        causes = [one for one in all_lamps() if one.name in loud]
        return tuple(one for one in self.healthy if any(c.explains(one) for c in causes))

    @property
    def clear(self) -> tuple[Lamp, ...]:
        """Lamps that found nothing wrong, and of which that counts: all but the hidden ones."""
        hidden = self.hidden
        return tuple(one for one in self.healthy if one not in hidden)

    @property
    def able(self) -> int:
        """How many lamps can tell something."""
        return len(self.healthy) + len({episode.lamp for episode in (*self.lit, *self.past)})

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The lit lamps, each beside its cause: warnings first, then the oldest first."""
        return _findings(self.lit)


def watching(log: RunLog) -> frozenset[str] | None:
    """Names of the lamps that watched the run while it went on; None: there were none.

    Logs of versions without lamps say nothing of them.
    """
    told = log.header.get("lamps", bool(log.lamps))
    if isinstance(told, list) and told:
        return frozenset(name for name in told if isinstance(name, str))
    return frozenset(one.name for one in all_lamps()) if told is True else None


def silenced_in(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the lamps that a program left out."""
    given = header.get("silenced")
    return tuple(name for name in given if isinstance(name, str)) if isinstance(given, list) else ()


def root_of(episode: Episode, by_name: Mapping[str, Episode]) -> str:
    """Name of the lamp at the end of the chain of causes; of a circle, which a log may hold, one.

    Args:
        episode: Of a lamp.
        by_name: Episodes that may be its cause, and the causes of these. A cause that is not among
            them is none.
    """
    passed, cause = [episode.lamp], episode.cause
    while cause is not None and cause in by_name:
        if cause in passed:
            return min(passed[passed.index(cause) :])
        passed.append(cause)
        cause = by_name[cause].cause
    return passed[-1]


def _findings(lit: Sequence[Episode]) -> tuple[Finding, ...]:
    by_name = {episode.lamp: episode for episode in lit}
    explained: dict[str, list[Episode]] = {}
    for episode in lit:
        explained.setdefault(root_of(episode, by_name), []).append(episode)
    found = [
        Finding(by_name[name], tuple(one for one in group if one.lamp != name))
        for name, group in explained.items()
    ]
    return tuple(sorted(found, key=lambda one: (LEVELS.index(one.level), one.root.since)))


def _episodes(log: RunLog) -> tuple[list[Episode], list[Episode]]:
    """Those that are lit, and those that are over."""
    lit: dict[str, Episode] = {}
    past: list[Episode] = []
    attempt = None
    ends = {header["attempt"]: int(steps[-1]) for header, steps in log.parts if steps.size}
    for line in log.lamps:
        if line["attempt"] != attempt:  # lamps end with the attempt whose they are
            past += _ended(lit.values(), ends.get(attempt, 0))
            lit, attempt = {}, line["attempt"]
        before = lit.pop(line["lamp"], None)
        episode = _episode(line, before)
        if line["state"] == "off":
            past.append(replace(episode, until=line["step"]))
        else:
            lit[episode.lamp] = episode
    if attempt not in (None, log.header["attempt"]):
        past += _ended(lit.values(), ends.get(attempt, 0))
        lit = {}
    return sorted(lit.values(), key=lambda one: (LEVELS.index(one.level), one.since)), past


def _ended(episodes: Iterable[Episode], end: int) -> Iterator[Episode]:
    return (replace(episode, until=max(episode.last, end)) for episode in episodes)


def _episode(line: Mapping[str, Any], before: Episode | None) -> Episode:
    """What a line says of a lamp, and where it lit from the line that said so."""
    reading = Reading(
        math.nan,
        line["evidence"],
        line["numbers"],
        tuple(line["layers"]),
        suggestion=_suggestion(line["suggestion"]),
    )
    step = line["step"]
    lit_at = step if before is None else before.step
    return Episode(line["lamp"], line["level"], line["since"], lit_at, reading, step,
                   cause=line["cause"])  # fmt: skip


def _suggestion(given: Mapping[str, Any] | None) -> Suggestion | None:
    return Suggestion(**{**given, "layers": tuple(given["layers"])}) if given else None


def _absent(log: RunLog, lamps: Iterable[Lamp]) -> dict[str, str]:
    """Those of some lamps that cannot judge the run, with the reason, as a few steps tell it."""
    course = _board_at_the_ends(log, LOOKED_AT, (), numbers=1).course
    tracked = {*log.header["quantities"], *log.quantities, *log.user_names}
    facts_to_come = _has_facts(log) and not any(view.facts for view in course.steps)

    def is_there(need: str) -> bool:
        return need in tracked or course.seen(need) or (facts_to_come and "." in need)

    found = {}
    for one in lamps:
        missing = [need for need in one.needs if not is_there(need)]
        if missing:
            found[one.name] = f"needs {', '.join(missing)}, not tracked in this run"
        elif course.count and (why := _unfit(one, course)):
            found[one.name] = why
    return found


def _unfit(lamp: Lamp, course: Course) -> str:
    try:
        return lamp.unfit(course) if lamp.unfit else ""
    except Exception:  # its diagnosis says so, where it is made
        return ""


def _has_facts(log: RunLog) -> bool:
    return any(about.get("kind") == FACTS for about in log.header["quantities"].values())


def _board_at_the_ends(
    log: RunLog, count: int, lamps: Sequence[Lamp] | None = None, numbers: int = 0
) -> Board:
    """A board that has seen the first and the last tracked steps of a run, attempt by attempt.

    Args:
        log: The run.
        count: How many steps at either end, at most.
        lamps: Those to look at; None: all.
        numbers: How many of the last ones under each name that the training loop logged; 0: all.
    """
    steps = log.batch_sizes.step
    chosen = np.union1d(steps[:count], steps[-count:])
    logged = _numbers(log, numbers)
    parts, board = log.parts, Board(log.header, lamps)
    for place, (header, own) in enumerate(parts):
        board, before = Board(header, lamps), board
        if place:
            board.go_on_from(before)
        is_last = place == len(parts) - 1
        while logged and own.size and (is_last or logged[-1][0] <= own[-1]):
            step, name, number = logged.pop()
            board.take_user(step, {name: number})
        for view in _views(log, np.intersect1d(own, chosen)):
            board.take(view)
    for step, name, number in reversed(logged):
        board.take_user(step, {name: number})
    return board


def _numbers(log: RunLog, count: int) -> list[tuple[int, str, float]]:
    """What the training loop logged, the oldest last."""
    found: list[tuple[int, str, float]] = []
    for name in log.user_names:
        series = log.user_series(name)
        pairs = zip(series.step[-count:].tolist(), series.value[-count:].tolist(), strict=True)
        found += [(step, name, value) for step, value in pairs]
    return sorted(found, key=lambda one: -one[0])


def _views(log: RunLog, steps: np.ndarray) -> Iterator[StepView]:
    """Tracked steps, as lamps see them."""
    for step in steps.tolist():
        line = parse_line(msgspec.json.encode(_plain(log.record(step) or {})))
        if isinstance(line, StepLine):
            yield view_of(line)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its histograms and arrays."""
    values = as_dict(record.get("values"))
    large = STORED_KINDS - {FACTS}
    kept = {n: v for n, v in values.items() if as_dict(v).get("kind") not in large}
    return {**record, "type": "step", "values": kept}
