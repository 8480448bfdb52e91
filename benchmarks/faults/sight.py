"""What the lamps say of a run: when each lit, which came first, which is the cause in the end."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.faults.records import Keep, Log, everything, kept
from cockpit.lamps import Board, Change, Episode, Lamp, Level, StepView

ALARMS = ("warning", "caution")


class Lit(NamedTuple):
    """A lamp lit.

    Attributes:
        step: When.
        lamp: Which.
        level: Its level then.
        cause: The lit lamp that explained it then; None: it stood for itself.
    """

    step: int
    lamp: str
    level: Level
    cause: str | None


@dataclass
class Sight:
    """The lamps of a run.

    Attributes:
        lit: Each time that a lamp lit, became worse, or stood for itself from then on, in order.
        first_step: Of the first caution or warning.
        first: The lamp that stood for it: the cause, if others lit with it.
        causes: What stood first, after each change: the cause according to the lamps.
        absent: Lamps that could not tell.
    """

    lit: list[Lit] = field(default_factory=list)
    first_step: int | None = None
    first: str | None = None
    causes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def step_of(
        self, names: Container[str] | None = None, begin: int = 0, levels: Sequence[str] = ALARMS
    ) -> int | None:
        """When the first of these lamps lit (None: of all) at step ``begin`` or later."""
        return next(
            (
                one.step
                for one in self.lit
                if one.step >= begin and one.level in levels and (not names or one.lamp in names)
            ),
            None,
        )

    def lamps(self, levels: Sequence[str] = ALARMS, *, alone: bool = False) -> list[str]:
        """All that lit; ``alone``: that stood for themselves."""
        return list(
            dict.fromkeys(
                one.lamp
                for one in self.lit
                if one.level in levels and not (alone and one.cause is not None)
            )
        )


def look(log: Log, keep: Keep = everything, lamps: Sequence[Lamp] | None = None) -> Sight:
    """Fold the lamps over a run's log."""
    board, sight = Board(log.header, lamps), Sight()
    last: dict[str, Lit] = {}
    for entry in log.entries:
        if not isinstance(entry, StepView):
            board.take_user(*entry)
            continue
        changes = board.take(kept(entry, keep))
        for change in changes:
            if change.state == "on" or (change.state != "off" and _is_news(change, last)):
                found = change.episode
                last[found.lamp] = Lit(entry.step, found.lamp, found.level, found.cause)
                sight.lit.append(last[found.lamp])
        cause = _cause(board.lit)
        if cause is not None and (not sight.causes or sight.causes[-1] != cause):
            sight.causes.append(cause)
        if cause is not None and sight.first_step is None:
            sight.first_step, sight.first = entry.step, cause
    sight.absent = sorted(board.absent)
    return sight


def _is_news(change: Change, last: Mapping[str, Lit]) -> bool:
    """Whether a lit lamp became worse, or stands for itself now."""
    now, before = change.episode, last[change.episode.lamp]
    return now.level != before.level or (now.cause is None and before.cause is not None)


def _cause(lit: Sequence[Episode]) -> str | None:
    """Of cautions and warnings, the one that stands for itself and first."""
    alarms = [episode for episode in lit if episode.level in ALARMS]
    alone = [episode for episode in alarms if episode.cause is None]
    return (alone or alarms)[0].lamp if alarms else None
