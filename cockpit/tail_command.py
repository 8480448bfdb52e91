"""The command ``cockpit tail``: a run's instruments as text, redrawn while it goes on."""

from __future__ import annotations

import argparse
import math
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.signals import terminated_as_interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from cockpit.instruments import View
    from cockpit.render.terminal import Page

LISTED = 5  # other runs of the folder that are named
STALLED_AFTER_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit tail``."""
    add = parser.add_argument
    add("run", type=Path, help="folder of the run, or its log file; of a folder with several "
        "runs the one that was written last")  # fmt: skip
    add("--once", action="store_true", help="print the page once, also of a run that goes on")
    add("--interval", type=_seconds, default=1.0, metavar="S",
        help="seconds between two looks at the log (%(default)s)")  # fmt: skip
    add("-i", "--instrument", action="append", metavar="NAME", default=[],
        help="show this instrument alone; may be repeated")  # fmt: skip
    add("--step", type=int, help="as of this step (the last one)")
    add("--width", type=int, help="columns (those of the terminal)")


def run(arguments: argparse.Namespace) -> int:
    """Show the run until it ends or Ctrl-C; returns the exit status."""
    from rich.console import Console

    from cockpit.instruments import UnknownInstrumentError, View
    from cockpit.render.terminal_text import clean

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without unicode shows ? and goes on
            stream.reconfigure(errors="replace")
    console = Console(width=arguments.width, highlight=False, markup=False, emoji=False)
    try:
        path, remark = find(arguments.run)
        with console.status("Reading …") if console.is_terminal else nullcontext():
            watched = Watched(path, View(step=arguments.step), arguments.instrument, remark)
        if arguments.once or not console.is_terminal or console.is_dumb_terminal:
            _print(console, watched)
        else:
            _follow(console, watched, arguments.interval)
    except (OSError, ValueError, UnknownInstrumentError) as error:
        print(f"cockpit tail: {clean(error)}", file=sys.stderr)
        return 1
    return 0


def find(given: Path) -> tuple[Path, str]:
    """The run to show, and a remark where it was chosen among several.

    Args:
        given: A run, its log file, or a folder with runs.

    Raises:
        FileNotFoundError: If there is no run.
    """
    from cockpit.log import LOG_NAME, find_runs

    if given.is_file() or (given / LOG_NAME).is_file():
        return given, ""
    runs = find_runs(given) if given.is_dir() else []
    if not runs:
        raise FileNotFoundError(
            f"No run at {given}. Give the folder of a run (the logdir of its Cockpit), or a folder "
            "with runs in it."
        )
    latest = max(runs, key=_changed)
    others = [str(path.relative_to(given)) for path in runs if path != latest]
    if not others:
        return latest, ""
    named = ", ".join(others[:LISTED]) + (" …" if len(others) > LISTED else "")
    return latest, f"the latest of {len(runs)} runs; others: {named}"


class Watched:
    """A run that is looked at again and again; panels are made anew only when it grew.

    Args:
        path: Of the run.
        view: How to look at it.
        names: Of the instruments wanted; all if empty.
        remark: Shown under the facts.

    Attributes:
        log: The reader.
    """

    def __init__(self, path: Path, view: View, names: list[str], remark: str = "") -> None:
        from cockpit.log import RunLog

        self.log = RunLog(path, stalled_after=STALLED_AFTER_S)
        self._view, self._names, self._remark = view, names, remark
        self._page: Page | None = None
        self._shown: list[str] = []

    def page(self) -> Page:
        """What there is to show now."""
        from cockpit.instruments import panels
        from cockpit.instruments.alerts import alerts
        from cockpit.instruments.lamp_panels import marks
        from cockpit.instruments.lamp_words import watch_words
        from cockpit.instruments.run_summary import Fact, run_facts
        from cockpit.lamps.outcome import Outcome
        from cockpit.render.terminal import Page

        grown = self.log.refresh()
        if self._page is None or grown:
            shown = panels(self.log, self._view, self._names)
            self._shown = [one.name for one, _ in shown]
            drawn = [panel for _, panel in shown]
            self._page = Page((), (), drawn, _changed(self.log.path), self._remark)
        facts = run_facts(self.log, self._view)
        if skipped := self.log.skipped_lines:
            facts.append(Fact("skipped lines", f"{skipped:,}"))
        changed = _changed(self.log.path) or self._page.changed
        outcome = Outcome.of_log(self.log)
        if watch := watch_words(outcome):
            facts.append(Fact("lamps", watch))
        found = alerts(self.log, outcome)
        signs = marks(found)
        levels = [signs[name][0] if name in signs else "" for name in self._shown]
        return replace(self._page, facts=facts, alerts=found, changed=changed, marks=levels)

    @property
    def end(self) -> str:
        """How the run ended; empty while it goes on."""
        from cockpit.instruments.numbers import format_duration

        if self.log.end is None:
            return ""
        step = self.log.last_step
        when = "before the first step" if step is None else f"after step {step:,}"
        lasted = format_duration(self.log.duration)
        message = str(self.log.end.get("message") or "")
        return f"The run {_VERBS[self.log.status]} {when}, {lasted}. {message}".rstrip()


_VERBS = {"finished": "finished", "failed": "failed", "interrupted": "was interrupted"}


def _print(console: Console, watched: Watched) -> None:
    """The whole page, and how the run ended."""
    from cockpit.render.terminal import print_page
    from cockpit.render.terminal_text import words

    print_page(console, watched.page())
    if watched.end:
        console.print()
        console.print(words(watched.end), end="\n", soft_wrap=True)


def _follow(console: Console, watched: Watched, interval: float) -> None:
    """Redraw until the run ends or Ctrl-C; then leave the whole page behind."""
    from rich.console import Group
    from rich.live import Live

    from cockpit.render.terminal import has_color, page_lines

    with (
        suppress(KeyboardInterrupt),
        terminated_as_interrupted(),
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while not watched.end:
            began = time.monotonic()
            page, (width, height) = watched.page(), console.size
            lines = page_lines(page, width, height, color=has_color(console))
            live.update(Group(*lines), refresh=True)
            spent = time.monotonic() - began
            time.sleep(max(interval - spent, spent))  # the training needs the processor, too
    _print(console, watched)


def _changed(path: Path) -> float:
    """When a run's log last grew, unix seconds; 0 if it vanished."""
    from cockpit.log import LOG_NAME

    try:
        return (path / LOG_NAME if path.is_dir() else path).stat().st_mtime
    except OSError:
        return 0.0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0 or math.isinf(seconds):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a positive number")
    return seconds
