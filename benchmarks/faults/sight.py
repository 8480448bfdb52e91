"""What the lamps say of a run: when each lit, which came first, which is the cause in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.faults.records import Keep, Log, everything, kept
from cockpit.lamps import Board, Episode, Lamp, Level, StepView

ALARMS = ("warning", "caution")


@dataclass
class Sight:
    """The lamps of a run.

    Attributes:
        lit: Step, lamp and level of each lamp that lit, or became worse, in order.
        first_step: Of the first caution or warning.
        first: The lamp that stood for it: the cause, if others lit with it.
        causes: What stood first, after each change: the cause according to the lamps.
        absent: Lamps that could not tell.
    """

    lit: list[tuple[int, str, Level]] = field(default_factory=list)
    first_step: int | None = None
    first: str | None = None
    causes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def step_of(self, names: frozenset[str], levels: Sequence[str] = ALARMS) -> int | None:
        """When the first of these lamps lit."""
        return next((s for s, lamp, level in self.lit if lamp in names and level in levels), None)

    def lamps(self, levels: Sequence[str] = ALARMS) -> list[str]:
        """All that lit."""
        return list(dict.fromkeys(lamp for _, lamp, level in self.lit if level in levels))


def look(log: Log, keep: Keep = everything, lamps: Sequence[Lamp] | None = None) -> Sight:
    """Fold the lamps over a run's log."""
    board, sight = Board(log.header, lamps), Sight()
    for entry in log.entries:
        if not isinstance(entry, StepView):
            board.take_user(*entry)
            continue
        changes = board.take(kept(entry, keep))
        lit = [change.episode for change in changes if change.state != "off"]
        sight.lit += [
            (entry.step, episode.lamp, episode.level)
            for episode in lit
            if (episode.lamp, episode.level) not in {(lamp, level) for _, lamp, level in sight.lit}
        ]
        cause = _cause(board.lit)
        if cause is not None and (not sight.causes or sight.causes[-1] != cause):
            sight.causes.append(cause)
        if cause is not None and sight.first_step is None:
            sight.first_step, sight.first = entry.step, cause
    sight.absent = sorted(board.absent)
    return sight


def _cause(lit: Sequence[Episode]) -> str | None:
    """Of cautions and warnings, the one that stands for itself and first."""
    alarms = [episode for episode in lit if episode.level in ALARMS]
    alone = [episode for episode in alarms if episode.cause is None]
    return (alone or alarms)[0].lamp if alarms else None
