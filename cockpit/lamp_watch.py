"""The lamps of a run that goes on: fed from its records, written to its log, said aloud."""

from __future__ import annotations

import difflib
import logging
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cockpit.cautions import LampWarning, warn
from cockpit.lamps import Board, Change, Lamp, all_lamps, get
from cockpit.lamps.lines import fields_of, numbers_of, view_of
from cockpit.lamps.replay import board_before
from cockpit.log import LogWriter
from cockpit.log.attempts import clean_header
from cockpit.log.parse import StepLine, parse_line

if TYPE_CHECKING:
    from cockpit.tracker import Tracker

__all__ = ["LampChoice", "LampWatch", "OnLamp", "choose_lamps", "describe_lamps"]

OnLamp = Callable[[Change], object]
"""Called when a lamp lights, goes out, grows worse, or gets another cause."""

LOUD = ("warning", "caution")

logger = logging.getLogger("cockpit")
logger.addHandler(logging.NullHandler())  # silent unless the program sets up logging


@dataclass(frozen=True)
class LampChoice:
    """Which lamps a run has, and who is told.

    Attributes:
        lamps: Those to look at.
        silenced: Names of those left out.
        on_lamp: Called with each change; ``None``: nobody.
    """

    lamps: tuple[Lamp, ...]
    silenced: frozenset[str]
    on_lamp: OnLamp | None


def choose_lamps(
    lamps: bool | Iterable[str | Lamp], silence: Iterable[str], on_lamp: OnLamp | None
) -> LampChoice | None:
    """What the arguments of a cockpit say of lamps; ``None``: no lamps.

    Raises:
        TypeError: If an argument is not of the kind it has to be.
        ValueError: If there is no such lamp, or nobody would ever be called.
    """
    if on_lamp is not None and not callable(on_lamp):
        raise TypeError(f"on_lamp is a function of one argument; got {type(on_lamp).__name__}.")
    silenced = frozenset(_known(name).name for name in _several("silence", silence))
    if lamps is False:
        if on_lamp is not None:
            raise ValueError("on_lamp is never called where lamps=False. Leave out one of them.")
        return None
    chosen = all_lamps() if lamps is True else _once_each(_several("lamps", lamps))
    return LampChoice(chosen, silenced, on_lamp)


def describe_lamps(choice: LampChoice | None) -> bool | list[str]:
    """Which lamps watch a run, for the header of its log: all, some by name, or none."""
    if choice is None:
        return False
    return True if choice.lamps == all_lamps() else [lamp.name for lamp in choice.lamps]


def _several(argument: str, given: Any) -> list[Any]:
    if isinstance(given, str | Lamp):
        name = given if isinstance(given, str) else given.name
        raise TypeError(f"{argument} takes several names; write {argument}=({name!r},).")
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument} takes names of lamps; got {type(given).__name__}.")
    return list(given)


def _once_each(given: Iterable[Any]) -> tuple[Lamp, ...]:
    found: dict[str, Lamp] = {}
    for one in map(_known, given):
        if found.setdefault(one.name, one) is not one:
            raise ValueError(f"There are two lamps named {one.name!r}. Give one another name.")
    return tuple(found.values())


def _known(given: Any) -> Lamp:
    if isinstance(given, Lamp):
        return given
    names = [lamp.name for lamp in all_lamps()]
    if given in names:
        return get(given)
    close = difflib.get_close_matches(str(given), names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names)}."
    raise ValueError(f"There is no lamp {given!r}. {hint}")


class LampWatch:
    """Feeds the lamps of one run, and tells what changes.

    Warnings and cautions that no other lamp explains are said through :mod:`warnings`, once in each
    episode; all else (advisories, consequences, lamps that go out) goes to the logger ``cockpit``,
    as information.

    Args:
        choice: Which lamps, and whom to call.
        tracker: Of the run.
        writer: Of its log.

    Attributes:
        board: The lamps.
    """

    def __init__(self, choice: LampChoice, tracker: Tracker, writer: LogWriter) -> None:
        header = clean_header(writer.header, writer.path.resolve().parent.name)
        self.board = Board(header, choice.lamps, choice.silenced)
        # Weak: the tracker has this watch, and shall go, with all it keeps, when the cockpit does.
        self._tracker: Tracker = weakref.proxy(tracker)
        self._writer, self._on_lamp = writer, choice.on_lamp
        self._off = False
        self._unsaid: list[Change] = []
        self._aloud: set[str] = set()  # said in their present episode
        self._broken: set[str] = set()
        # What the loop logs before the first step of a resumed run: it comes after the runs before.
        self._early: list[tuple[int, dict[str, float]]] | None = [] if writer.attempt > 1 else None

    def take(self, line: bytes) -> None:
        """A line on its way to the log: of a tracked step, or of what the loop logs."""
        if self._off:
            return
        try:
            record = parse_line(line)
            if isinstance(record, StepLine):
                self._take_step(record)
            elif record is not None and (numbers := numbers_of(record)) is not None:
                self._take_user(*numbers)
        except Exception as error:
            if self._tracker.strict:
                raise
            self._off = True
            self._fault("the lamps are", error)

    def say(self) -> None:
        """Tell what has changed; called where nothing is under way, as anyone may answer."""
        while self._unsaid:
            change = self._unsaid.pop(0)
            self._guarded("saying what the lamps see is", self._say, change)
            self._guarded("on_lamp is", self._on_lamp, change)

    def _take_step(self, record: StepLine) -> None:
        if self._early is not None:
            self._take_earlier_attempts(record.step)
        for change in self.board.take(view_of(record)):
            self._write(record.step, change)
            self._unsaid.append(change)
        for name, error in self.board.errors.items():
            if name not in self._broken:
                self._broken.add(name)
                if self._tracker.strict:
                    raise error
                self._fault(f"the lamp {name} is", error, record.step)

    def _take_earlier_attempts(self, step: int) -> None:
        """Read what was before a resumed run; takes long for a long log, so no budget pays it."""
        early, self._early = self._early or [], None
        stopwatch, writer = self._tracker.stopwatch, self._writer
        began = stopwatch.elapsed()
        self.board.go_on_from(board_before(writer.path, writer.attempt, step))
        for numbers in early:
            self.board.take_user(*numbers)
        stopwatch.leave_out(stopwatch.elapsed() - began)

    def _take_user(self, step: int, values: dict[str, float]) -> None:
        if self._early is None:
            self.board.take_user(step, values)
        else:
            self._early.append((step, values))

    def _write(self, step: int, change: Change) -> None:
        tracker = self._tracker
        time = tracker.stopwatch.elapsed()
        tracker.write(lambda: self._writer.lamp(step, fields_of(change), time=time))

    def _say(self, change: Change) -> None:
        episode = change.episode
        lamp, reading = self.board.lamp(episode.lamp), episode.reading
        if change.state == "off":
            self._aloud.discard(lamp.name)
            logger.info("%s: off at step %s.", lamp.title, episode.until)
        elif lamp.name in self._aloud:
            pass  # what it said still holds
        elif episode.level in LOUD and episode.cause is None:
            self._aloud.add(lamp.name)
            head = f"{lamp.title} ({episode.level}, since step {episode.since})."
            warn(f"{head} {lamp.means} {reading.evidence} {lamp.do}", LampWarning)
        else:
            why = f", explained by {episode.cause}" if episode.cause else ""
            head = f"{lamp.title} ({episode.level}, since step {episode.since}{why})."
            logger.info("%s %s %s", head, reading.evidence, lamp.do)

    def _guarded(self, what: str, tell: OnLamp | None, change: Change) -> None:
        """Call what may be the user's own: a callback, or what takes warnings and messages."""
        if tell is None or what in self._broken:
            return
        try:
            tell(change)
        except Exception as error:
            if self._tracker.strict:
                raise
            self._broken.add(what)
            self._fault(what, error)

    def _fault(self, what: str, error: Exception, step: int | None = None) -> None:
        text = f"{what} switched off: {type(error).__name__}: {error}"
        try:
            self._tracker.caution("fault", text, step)
        except Exception:  # what takes warnings raises; the log has the event by now
            with suppress(Exception):
                logger.exception(text)
