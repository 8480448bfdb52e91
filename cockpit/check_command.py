"""The command ``cockpit check``: what was wrong with a run, from its log alone, without torch."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.console import LAMP_SIGNS, LAMP_STYLES

if TYPE_CHECKING:
    from rich.console import Console

    from cockpit.lamps import Board, Episode, Lamp
    from cockpit.log import RunLog

NOTHING, FOUND, FAILED = 0, 1, 2  # exit status
EVENTS = 20  # of the log that are listed
LOUD = ("warning", "caution")

EPILOG = """The exit status is 0 if all is well, 1 if there was a warning or a caution (of a lamp;
or lines of the log are damaged), and 2 if the run can't be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit check``."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("run", type=Path, help="folder of the run, or its log file")
    add("--lamps", action="store_true", help="the lamps alone, nothing of the log itself")
    add("--all", action="store_true", dest="everything",
        help="also lamps that the run silenced, the consequences of others in full, and what "
        "each one that was dark looks for")  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Check the run; returns the exit status."""
    from cockpit.log import RunLog
    from cockpit.render.terminal_text import clean

    try:
        found = examine(RunLog(arguments.run), everything=arguments.everything)
    except OSError as error:
        print(f"cockpit check: {clean(error)}", file=sys.stderr)
        return FAILED
    if arguments.lamps:
        del found["log"]
    if arguments.json:
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        _print(found, everything=arguments.everything)
    return FOUND if _is_sick(found) else NOTHING


def examine(log: RunLog, *, everything: bool = False) -> dict[str, Any]:
    """What there is to say of a run; JSON-able.

    Args:
        log: Of the run.
        everything: Whether lamps that the run silenced are looked at, too.
    """
    from cockpit.lamps import replay
    from cockpit.log.parse import as_list

    silenced = [str(name) for name in as_list(log.header.get("silenced"))]
    board = replay(log, silenced=() if everything else silenced)
    return {
        "run": log.name,
        "status": log.status,
        "tracked_steps": board.course.count,
        "last_step": log.last_step,
        "log": {
            "path": str(log.path),
            "attempts": log.attempts,
            "damaged_lines": log.skipped_lines,
            "events": log.events,
        },
        "lamps": _lamps(board) | {"silenced": [] if everything else silenced},
    }


def _lamps(board: Board) -> dict[str, Any]:
    from cockpit.lamps.outcome import root_of
    from cockpit.log.codec import jsonable

    episodes = sorted([*board.past, *board.lit], key=lambda episode: episode.since)
    latest = {episode.lamp: episode for episode in (*board.past, *board.lit)}
    absent = board.absent
    return {
        "episodes": [jsonable(_episode(one, root_of(one, latest))) for one in episodes],
        "healthy": [_dark(lamp) for lamp in board.healthy if lamp.name not in absent],
        "absent": [_dark(lamp) | {"reason": absent[lamp.name]} for lamp in _named(absent)],
    }


def _named(names: dict[str, str]) -> list[Lamp]:
    from cockpit.lamps import get

    return [get(name) for name in names]


def _dark(lamp: Lamp) -> dict[str, Any]:
    return {"lamp": lamp.name, "title": lamp.title, "means": lamp.means}


def _episode(episode: Episode, root: str) -> dict[str, Any]:
    from cockpit.lamps import Change, get
    from cockpit.lamps.lines import fields_of

    lamp = get(episode.lamp)
    said = fields_of(Change("lit" if episode.until is None else "was lit", episode))
    times = {"step": episode.step, "last": episode.last, "until": episode.until}
    return {**said, **times, "root": root, "title": lamp.title, "means": lamp.means, "do": lamp.do}


def _is_sick(found: dict[str, Any]) -> bool:
    damaged = found.get("log", {}).get("damaged_lines", 0)
    return bool(damaged) or any(e["level"] in LOUD for e in found["lamps"]["episodes"])


def _print(found: dict[str, Any], *, everything: bool) -> None:
    from rich.console import Console

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without unicode shows ? and goes on
            stream.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    last = "" if found["last_step"] is None else f", the last is {found['last_step']:,}"
    _say(console, f"{found['run']}: {found['status']}, {found['tracked_steps']:,} steps{last}")
    if "log" in found:
        _print_log(console, found["log"])
    lamps = found["lamps"]
    _print_episodes(console, lamps["episodes"], everything)
    _print_dark(console, lamps, everything)


def _print_log(console: Console, log: dict[str, Any]) -> None:
    if log["attempts"] != 1:
        _say(console, f"It was started {log['attempts']} times.")
    if damaged := log["damaged_lines"]:
        _say(console, f"Damaged lines of the log, skipped: {damaged:,}.", "caution")
    for event in log["events"][:EVENTS]:
        step = "" if event["step"] is None else f" at step {event['step']:,}"
        of = f"{event['quantity']}: " if event["quantity"] else ""
        _say(console, f"{event['level']}{step}: {of}{event['message']}", event["level"])
    if (more := len(log["events"]) - EVENTS) > 0:
        _say(console, f"… and {more:,} more events.")


def _print_episodes(console: Console, episodes: list[dict[str, Any]], everything: bool) -> None:
    shown = [e for e in episodes if everything or e["root"] == e["lamp"]]
    for episode in sorted(shown, key=lambda e: list(LAMP_STYLES).index(e["level"])):
        console.print()
        when = f"steps {episode['since']:,} to {episode['last']:,}"
        if episode["until"] is None:
            when = f"from step {episode['since']:,} to the end"
        level = episode["level"]
        _say(console, f"{LAMP_SIGNS[level]} {level}: {episode['title']}, {when}", level)
        for text in (episode["means"], episode["evidence"], f"→ {episode['do']}"):
            _say(console, text, indent=2)
        if episode["cause"]:
            _say(console, f"A consequence of {episode['cause']}.", indent=2)
        name = episode["lamp"]
        explained = {e["title"] for e in episodes if e["root"] == name != e["lamp"]}
        if explained:
            _say(console, f"It explains: {', '.join(sorted(explained))}.", indent=2)


def _print_dark(console: Console, lamps: dict[str, Any], everything: bool) -> None:
    console.print()
    if not lamps["episodes"]:
        _say(console, "No lamp was lit.")
    _print_list(console, "Healthy", lamps["healthy"], everything)
    reasons: dict[str, list[dict[str, Any]]] = {}
    for one in lamps["absent"]:
        reasons.setdefault(one["reason"], []).append(one)
    for reason, dark in reasons.items():
        _print_list(console, f"Absent, {reason}", dark, everything)
    if lamps["silenced"]:
        _say(console, f"Silenced: {', '.join(lamps['silenced'])}.")


def _print_list(console: Console, head: str, dark: list[dict[str, Any]], everything: bool) -> None:
    if not dark:
        return
    if not everything:
        _say(console, f"{head} ({len(dark)}): {', '.join(one['title'] for one in dark)}.")
        return
    _say(console, f"{head}:")
    for one in dark:
        _say(console, f"{one['title']}. {one['means']}", indent=2)


def _say(console: Console, text: str, level: str = "", indent: int = 0) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from cockpit.render.terminal_text import clean

    words = Text(clean(text), style=LAMP_STYLES.get(level, ""))
    console.print(Padding(words, (0, 0, 0, indent), expand=False))
