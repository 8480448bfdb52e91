"""How the lamps of a run stand: which are lit, went out, saw nothing wrong, could not tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cockpit.lamps.board import Board, Episode
from cockpit.lamps.lamp import LEVELS, Lamp, Level, Reading, Suggestion, all_lamps

if TYPE_CHECKING:
    from cockpit.log import RunLog

__all__ = ["Finding", "Outcome", "silenced_in", "watching"]

FACTS = "facts"  # kind of the values whose names have dots
LOOKED_AT = 2  # records at either end of a log in which facts are looked for


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
        healthy: Lamps that could tell, and never lit.
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


def _findings(lit: Sequence[Episode]) -> tuple[Finding, ...]:
    by_name = {episode.lamp: episode for episode in lit}
    explained: dict[str, list[Episode]] = {}
    for episode in lit:
        explained.setdefault(_root(episode, by_name), []).append(episode)
    found = [
        Finding(by_name[name], tuple(one for one in group if one.lamp != name))
        for name, group in explained.items()
    ]
    return tuple(sorted(found, key=lambda one: (LEVELS.index(one.level), one.root.since)))


def _root(episode: Episode, lit: Mapping[str, Episode]) -> str:
    """The lit lamp at the end of the chain of causes; of a circle, which a log may hold, one."""
    passed = [episode.lamp]
    while (cause := lit[passed[-1]].cause) in lit:
        if cause in passed:
            return min(passed[passed.index(str(cause)) :])
        passed.append(str(cause))
    return passed[-1]


def _episodes(log: RunLog) -> tuple[list[Episode], list[Episode]]:
    """Those that are lit, and those that are over."""
    lit: dict[str, Episode] = {}
    past: list[Episode] = []
    attempt = None
    for line in log.lamps:
        if line["attempt"] != attempt:  # lamps end with the attempt whose they are
            past += _ended(lit.values())
            lit, attempt = {}, line["attempt"]
        before = lit.pop(line["lamp"], None)
        episode = _episode(line, before)
        if line["state"] == "off":
            past.append(replace(episode, until=line["step"]))
        else:
            lit[episode.lamp] = episode
    if attempt not in (None, log.header["attempt"]):
        past += _ended(lit.values())
        lit = {}
    return sorted(lit.values(), key=lambda one: (LEVELS.index(one.level), one.since)), past


def _ended(episodes: Iterable[Episode]) -> Iterator[Episode]:
    return (replace(episode, until=episode.last) for episode in episodes)


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
    """Those of some lamps whose needs the run does not track, with the reason."""
    tracked, facts = _tracked(log), _facts(log)

    def is_there(need: str) -> bool:
        return need in tracked or ("." in need and (facts is None or need in facts))

    found = {}
    for one in lamps:
        missing = [need for need in one.needs if not is_there(need)]
        if missing:
            found[one.name] = f"needs {', '.join(missing)}, not tracked in this run"
    return found


def _tracked(log: RunLog) -> set[str]:
    """Names of quantities that are recorded or shall be, and of what the user logged."""
    return {*log.header["quantities"], *log.quantities, *log.user_names}


def _has_facts(log: RunLog) -> bool:
    return any(about.get("kind") == FACTS for about in log.header["quantities"].values())


def _facts(log: RunLog) -> set[str] | None:
    """Names of the facts in the first and the last records; None: there are none yet."""
    if not _has_facts(log):
        return set()
    steps = log.batch_sizes.step
    found: set[str] = set()
    for step in {*steps[:LOOKED_AT].tolist(), *steps[-LOOKED_AT:].tolist()}:
        values = (log.record(step) or {}).get("values")
        for value in values.values() if isinstance(values, dict) else ():
            if isinstance(value, dict) and value.get("kind") == FACTS:
                facts = value.get("facts")
                found.update(facts if isinstance(facts, dict) else ())
    return found or None
