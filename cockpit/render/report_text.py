"""The report on a run as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from cockpit.instruments.alerts import Consequence
from cockpit.instruments.lamp_words import spans_words
from cockpit.render.terminal_text import LEVEL_STYLES, clean, cut, words
from cockpit.render.theme import OUT_SHAPES, SHAPES

if TYPE_CHECKING:
    from cockpit.report import Entry, Report

NOT_FOUND = "Checked and healthy: looked for, not found"
HIDDEN = "Not told apart from what was lit"
WIDEST, NARROWEST, LABEL = 100, 20, 12  # columns; of texts, and of what stands before them
BESIDE = 40  # columns from which on labels stand beside texts instead of above them
PAPER = Console(file=StringIO(), width=WIDEST)  # nothing is written to it; texts wrap by its rules

Lines = list[Text]


def report_lines(report: Report, width: int) -> Lines:
    """The report.

    Args:
        report: What there is to say.
        width: Of the terminal, in columns.

    Returns:
        Lines of at most ``width`` columns, but 20 of a narrower terminal, and at most 100.
    """
    room = max(min(width, WIDEST), NARROWEST)
    lines = [*_head(report, room)]
    for entry in report.lit:
        lines += [words(""), *_entry(entry, report, room)]
    if report.out:
        lines += [words(""), *_wrapped("Lit for a while, and out again", room, style="bold")]
    for entry in report.out:
        lines += [*_entry(entry, report, room), words("")][: None if report.out[1:] else -1]
    lines += _others(report.others, room)
    lines += _titles(NOT_FOUND, report.healthy, room)
    lines += _titles(HIDDEN, [("", report.hidden)] if report.hidden else [], room)
    lines += _titles("Could not be checked", report.absent, room)
    silenced = [("", report.silenced)] if report.silenced else []
    return lines + _titles("Silenced by the program", silenced, room)


def _head(report: Report, room: int) -> Lines:
    facts = "   ".join(f"{fact.label} {fact.value}" for fact in report.facts)
    lines = [words(cut(report.name, room), "bold"), *_wrapped(facts, room, style="dim")]
    if report.afterwards:
        said = "Its lamps looked at the log afterwards, not while the run went on."
        lines += _wrapped(said, room, style="dim")
    lines += [words(""), *_wrapped(report.verdict, room, style="bold")]
    return lines + (_labelled("Try first", report.try_first, room) if report.try_first else [])


def _entry(entry: Entry, report: Report, room: int) -> Lines:
    """What was seen, when, with what evidence, what it means and what to do about it."""
    alert, level = entry.alert, entry.alert.level
    shape = (SHAPES if entry.is_lit else OUT_SHAPES)[level]
    line = words(f"{shape} {level.upper()} ", LEVEL_STYLES[level] if entry.is_lit else "")
    when = spans_words(entry.spans, over=report.over)
    title = _parts(f"{alert.message}, {when}", room - line.cell_len)
    lines = [line.append(title[0], "bold")]
    lines += [words("  ").append(part, "bold") for part in title[1:]]
    layers = ", ".join(alert.layers)
    for label, text in (
        ("Means", alert.means),
        ("Try", "" if alert.advice == report.try_first else alert.advice),
        ("Evidence", alert.evidence),
        ("Where", layers),
        ("Change", alert.suggestion),
    ):
        lines += _labelled(label, text, room) if text else []
    for i, one in enumerate(alert.consequences):
        lines += _labelled("" if i else "Explains", _consequence(one), room)
    return lines + (_labelled("More", entry.words.page, room) if entry.words.page else [])


def _consequence(one: Consequence) -> str:
    since = "" if one.step is None else f" since step {one.step:,}"
    return f"{SHAPES[one.level]} {one.title}{since}. {one.evidence}".rstrip()


def _others(others: Sequence[dict[str, Any]], room: int) -> Lines:
    lines: Lines = []
    for alert in others:
        lines += [words(""), words(f"{SHAPES[alert['level']]} {alert['level'].upper()}",
                                   LEVEL_STYLES[alert["level"]])]  # fmt: skip
        step = "" if alert["step"] is None else f" (step {alert['step']:,})"
        lines += _wrapped(f"{alert['message']}{step}", room, 2)
        lines += _wrapped(alert["advice"], room, 2, style="dim")
    return lines


def _titles(head: str, parts: Iterable[tuple[str, Sequence[str]]], room: int) -> Lines:
    """Titles of lamps by what they have in common."""
    parts = list(parts)
    if not parts:
        return []
    count = sum(len(titles) for _, titles in parts)
    lines = [words(""), words(cut(f"{head} ({count:,})", room), "bold")]
    for what, titles in parts:
        listed = ", ".join(titles)
        lines += _wrapped(f"{what}: {listed}" if what else listed, room, 2, hanging=2)
    return lines


def _labelled(label: str, text: str, room: int) -> Lines:
    """A text beside what it is, or below."""
    if room < BESIDE:
        above = [words(f"  {label}", "dim")] if label else []
        return [*above, *_wrapped(text, room, 4)]
    parts = _parts(text, room - LABEL) or [""]
    first = words(f"  {label}".ljust(LABEL), "dim").append(parts[0])
    return [first, *(words(" " * LABEL).append(part) for part in parts[1:])]


def _wrapped(text: str, room: int, indent: int = 0, *, hanging: int = 0, style: str = "") -> Lines:
    """A text on as many lines as it needs, the further ones ``hanging`` deeper."""
    parts = _parts(text, room - indent - hanging)
    further = [words(" " * (indent + hanging) + part, style) for part in parts[1:]]
    return [words(" " * indent + parts[0], style), *further] if parts else []


def _parts(text: str, room: int) -> list[str]:
    """Lines of at most ``room`` columns; some letters take two."""
    shown = " ".join(clean(text).split())
    lines = Text(shown).wrap(PAPER, max(room, 2), overflow="fold") if shown else ()
    return [line.plain.rstrip() for line in lines]
