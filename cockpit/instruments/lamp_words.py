"""What is said of a lamp, in words; also of one that this version of Cockpit does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import get_args

from cockpit.instruments.numbers import format_number
from cockpit.lamps import Lamp, Suggestion, UnknownLampError, get
from cockpit.lamps.lamp import Group
from cockpit.lamps.outcome import Outcome

PAGE = "docs/lamps/{}.md"  # of a lamp, in the repository

CHANGES = {"lr": "learning rate", "batch_size": "batch size", "stop": "stop the run"}


@dataclass(frozen=True)
class Words:
    """What is said of a lamp.

    Attributes:
        title: How people read it.
        means: What it says, in one sentence; empty if unknown.
        do: What to do.
        source: Where the diagnosis comes from.
        kind: ``exact`` or ``statistical``; empty if unknown.
        text: Paragraphs on what is behind it.
        page: Where the repository has more; empty if unknown.
    """

    title: str
    means: str = ""
    do: str = ""
    source: str = ""
    kind: str = ""
    text: tuple[str, ...] = ()
    page: str = ""


def words_of(name: str) -> Words:
    """What is said of the lamp of this name."""
    try:
        return words_of_lamp(get(name))
    except UnknownLampError:
        return Words(name.replace("_", " ").capitalize())


def words_of_lamp(lamp: Lamp) -> Words:
    """What is said of a lamp."""
    paragraphs = cleandoc(lamp.text).split("\n\n") if lamp.text else []
    text = tuple(" ".join(part.split()) for part in paragraphs)
    page = PAGE.format(lamp.name)
    return Words(lamp.title, lamp.means, lamp.do, lamp.source, lamp.kind, text, page)


def suggestion_words(suggestion: Suggestion | None) -> str:
    """A suggestion for a program, for people: ``learning rate × 0.333``; empty if none."""
    if suggestion is None:
        return ""
    text = CHANGES.get(suggestion.change, suggestion.change.replace("_", " "))
    if suggestion.factor is not None:
        text += f" × {format_number(suggestion.factor)}"
    elif suggestion.value is not None:
        text += f": {format_number(suggestion.value)}"
    return text


def watch_words(outcome: Outcome) -> str:
    """How the lamps stand: ``none lit, 41 watch, 12 absent``; empty where there are none."""
    if not outcome.watched:
        return ""
    lit, able = len(outcome.lit), outcome.able
    text = f"{lit} of {able} lit" if lit else f"none lit, {able} watch"
    return f"{text}, {len(outcome.absent)} absent" if outcome.absent else text


def grouped(lamps: Iterable[Lamp]) -> list[tuple[str, list[str]]]:
    """Titles of lamps by what they are about, in order."""
    found: dict[str, list[str]] = {group: [] for group in get_args(Group)}
    for lamp in lamps:
        found[lamp.group].append(lamp.title)
    return [(group.capitalize(), titles) for group, titles in found.items() if titles]


def reasons(outcome: Outcome) -> list[tuple[str, list[str]]]:
    """Why lamps cannot tell anything, and the titles of those of which this is so."""
    found: dict[str, list[str]] = {}
    for name, why in outcome.absent.items():
        found.setdefault(why[:1].upper() + why[1:], []).append(words_of(name).title)
    return list(found.items())


def spans_words(spans: Sequence[tuple[int, int | None]], *, over: bool) -> str:
    """When a lamp was lit, e.g. ``steps 8 to 40, and once before``.

    Args:
        spans: From which step to which, in order; None: until the end.
        over: Whether the run has ended.
    """
    since, until = spans[-1]
    if until is None:
        text = f"from step {since:,} {'to the end' if over else 'on'}"
    else:
        text = f"step {since:,}" if since == until else f"steps {since:,} to {until:,}"
    times = len(spans) - 1
    before = {0: "", 1: ", and once before"}
    return text + before.get(times, f", and {times:,} times before")
