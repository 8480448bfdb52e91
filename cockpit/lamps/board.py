"""All lamps of a run: which are lit, since when, and which of them is the cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import LEVELS, Lamp, Level, Reading, all_lamps, checked

__all__ = ["Board", "Change", "Episode"]

OFF_BELOW = 0.5  # of the severity: between this and 1 a lamp stays as it is
PAST = 1_000  # episodes that are kept when they are over


@dataclass(frozen=True)
class Episode:
    """A lamp that is lit, or was.

    Attributes:
        lamp: Its name.
        level: Of the worst reading.
        since: The first step of the readings that lit it.
        step: The step at which it lit.
        reading: The worst one since then.
        last: The last step at which it was over its threshold.
        until: The step at which it went out; None: it is lit.
        cause: Name of the lit lamp that explains it; None: it stands for itself.
    """

    lamp: str
    level: Level
    since: int
    step: int
    reading: Reading
    last: int
    until: int | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Change:
    """A lamp lights, goes out, grows worse, or gets another cause.

    Attributes:
        state: ``on``, ``off`` or ``update``.
        episode: As it is now.
    """

    state: str
    episode: Episode


@dataclass
class _Watch:
    """One lamp, between two steps."""

    lamp: Lamp
    over: int = 0  # readings in a row at or above the threshold
    under: int = 0  # in a row below half of it
    since: int = 0
    episode: Episode | None = None
    read: int = 0  # readings there were
    is_ready: bool = False  # all it needs was seen
    fault: str = ""
    unfit: str = ""  # why it cannot judge this run


@dataclass
class Board:
    """The lamps of one run; a fold over its records, the same while it runs and afterwards.

    Args:
        header: Of the run's log.
        lamps: Those to look at; None: all.
        silenced: Names of lamps to leave out.

    Attributes:
        course: The run so far.
        past: Episodes that are over; the last 1,000.
        errors: What lamps raised that are switched off since, by name.
    """

    header: Mapping[str, Any]
    lamps: Sequence[Lamp] | None = None
    silenced: frozenset[str] = frozenset()
    course: Course = field(init=False)
    past: list[Episode] = field(init=False, default_factory=list)
    errors: dict[str, Exception] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.course = Course(self.header)
        chosen = all_lamps() if self.lamps is None else self.lamps
        self._watches = [_Watch(one) for one in chosen if one.name not in self.silenced]
        self._by_name = {watch.lamp.name: watch.lamp for watch in self._watches}
        self._shone: set[str] = set()  # lamps that were lit before

    def take(self, view: StepView) -> list[Change]:
        """A further tracked step; what changes with it."""
        self.course.take(view)
        changes = [change for watch in self._watches for change in self._read(watch)]
        return self._with_causes(changes)

    def take_user(self, step: int, values: Mapping[str, Any]) -> None:
        """What the training loop logged; the lamps see it with the next tracked step."""
        self.course.take_user(step, values)

    def lamp(self, name: str) -> Lamp:
        """The lamp of this name, one of those that the board has."""
        return self._by_name[name]

    def go_on_from(self, earlier: Board) -> None:
        """Begin a further attempt of a run: its steps so far are known, and all lamps are dark.

        Args:
            earlier: The board of the attempts before.
        """
        self.course = earlier.course.resumed(self.header)
        ended = (replace(episode, until=earlier.course.now.step) for episode in earlier.lit)
        self.past = [*earlier.past, *ended][-PAST:]
        self._shone = earlier._shone | {episode.lamp for episode in self.past}
        before = {watch.lamp.name: watch for watch in earlier._watches}
        for watch in self._watches:
            if watch.lamp.name in before:
                watch.read = before[watch.lamp.name].read

    @property
    def lit(self) -> list[Episode]:
        """The lamps that are lit: warnings first, then the oldest first."""
        found = [watch.episode for watch in self._watches if watch.episode is not None]
        return sorted(found, key=lambda e: (LEVELS.index(e.level), e.since))

    @property
    def healthy(self) -> list[Lamp]:
        """Lamps that had something to read, and were never lit."""
        dark = [w for w in self._watches if w.episode is None and w.lamp.name not in self._shone]
        return [watch.lamp for watch in dark if watch.read]

    @property
    def absent(self) -> dict[str, str]:
        """Lamps that cannot tell anything, with the reason."""
        found = {}
        for watch in self._watches:
            missing = [name for name in watch.lamp.needs if not self.course.seen(name)]
            if watch.fault:
                found[watch.lamp.name] = watch.fault
            elif missing:
                found[watch.lamp.name] = f"needs {', '.join(missing)}, not tracked in this run"
            elif watch.unfit:
                found[watch.lamp.name] = watch.unfit
            elif not watch.read:
                found[watch.lamp.name] = "no step so far that it could judge"
        return found

    def _read(self, watch: _Watch) -> list[Change]:
        if watch.fault or not (watch.is_ready or self._is_ready(watch)):
            return []
        try:
            watch.unfit = str(watch.lamp.unfit(self.course) or "") if watch.lamp.unfit else ""
            reading = None if watch.unfit else checked(watch.lamp(self.course), watch.lamp)
        except Exception as error:  # one lamp's fault is not the others', nor the training's
            watch.fault = f"its diagnosis failed: {type(error).__name__}: {error}"
            self.errors[watch.lamp.name] = error
        if watch.fault or watch.unfit:  # it can no longer say whether what lit it is over
            return self._end(watch)
        return [] if reading is None else self._weigh(watch, reading)

    def _weigh(self, watch: _Watch, reading: Reading) -> list[Change]:
        watch.read += 1
        severe = reading.severity >= 1
        if severe and watch.over == 0 and watch.episode is None:
            watch.since = self.course.now.step
        watch.over = watch.over + 1 if severe else 0
        watch.under = watch.under + 1 if reading.severity < OFF_BELOW else 0
        if watch.episode is None:
            return self._light(watch, reading) if watch.over >= watch.lamp.sustain else []
        return self._go_on(watch, watch.episode, reading)

    def _is_ready(self, watch: _Watch) -> bool:
        watch.is_ready = all(self.course.seen(name) for name in watch.lamp.needs)
        return watch.is_ready

    def _light(self, watch: _Watch, reading: Reading) -> list[Change]:
        step = self.course.now.step
        level = reading.level or watch.lamp.level
        watch.episode = Episode(watch.lamp.name, level, watch.since, step, reading, step)
        return [Change("on", watch.episode)]

    def _go_on(self, watch: _Watch, episode: Episode, reading: Reading) -> list[Change]:
        if watch.under >= 2 * watch.lamp.sustain:
            return self._end(watch)
        if reading.severity < 1:
            return []
        level = min(episode.level, reading.level or watch.lamp.level, key=LEVELS.index)
        worse = level != episode.level
        if worse or reading.severity > episode.reading.severity:
            episode = replace(episode, reading=reading)
        watch.episode = replace(episode, level=level, last=self.course.now.step)
        return [Change("update", watch.episode)] if worse else []

    def _end(self, watch: _Watch) -> list[Change]:
        """A lamp goes out, if it is lit, and begins to count anew."""
        watch.over = watch.under = 0
        if watch.episode is None:
            return []
        over = replace(watch.episode, until=self.course.now.step)
        watch.episode = None
        self.past = [*self.past, over][-PAST:]
        self._shone.add(over.lamp)
        return [Change("off", over)]

    def _with_causes(self, changes: list[Change]) -> list[Change]:
        """Say of each lit lamp which other one explains it; a new cause is a change, too."""
        told = {change.episode.lamp for change in changes}
        found = [change for change in changes if change.state == "off"]
        causes = self._causes()
        for watch in self._watches:
            if watch.episode is None:
                continue
            cause = causes[watch.lamp.name]
            moved, watch.episode = cause != watch.episode.cause, replace(watch.episode, cause=cause)
            name = watch.lamp.name
            if name in told:
                state = next(c.state for c in changes if c.episode.lamp == name)
                found.append(Change(state, watch.episode))
            elif moved:
                found.append(Change("update", watch.episode))
        return found

    def _causes(self) -> dict[str, str | None]:
        """The cause of each lit lamp; of a circle of several, the oldest stands for itself."""
        lit = sorted(
            (w for w in self._watches if w.episode is not None),
            key=lambda w: (w.since, w.lamp.name),
        )
        causes = {watch.lamp.name: self._cause(watch) for watch in lit}
        for name in causes:
            passed, cause = {name}, causes[name]
            while cause is not None and cause not in passed:
                passed.add(cause)
                cause = causes[cause]
            if cause == name:
                causes[name] = None
        return causes

    def _cause(self, watch: _Watch) -> str | None:
        """The lit lamp that explains this one: the oldest of several."""
        lit = [w for w in self._watches if w.episode is not None and w is not watch]
        causes = [w for w in lit if w.lamp.explains(watch.lamp) and not _is_too_little(w, watch)]
        # Two that explain each other: the older one is the cause.
        age = (watch.since, watch.lamp.name)
        causes = [
            w for w in causes if not watch.lamp.explains(w.lamp) or (w.since, w.lamp.name) < age
        ]
        return min(causes, key=lambda w: (w.since, w.lamp.name)).lamp.name if causes else None


def _is_too_little(cause: _Watch, effect: _Watch) -> bool:
    """Whether one is unsure, or nothing to act on and the other is: it would be hidden beneath."""
    unsure = cause.episode is not None and cause.episode.reading.unsure
    if unsure and effect.lamp.kind == "statistical":
        return True
    levels = [watch.episode.level for watch in (cause, effect) if watch.episode is not None]
    return levels[0] == "advisory" != levels[-1]
