"""The strip of alerts of a page without a server, and the signs of its panels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from cockpit.dashboard.curve import curve_svg
from cockpit.instruments.lamp_words import grouped, reasons, words_of
from cockpit.instruments.sparkline import Sparkline
from cockpit.lamps.outcome import Outcome
from cockpit.render.theme import OUT_SHAPES, SHAPES


def alert_strip(alerts: Sequence[Mapping[str, Any]], outcome: Outcome) -> str:
    """The alerts, and who watched.

    Args:
        alerts: As :func:`cockpit.instruments.alerts.alerts` gives them.
        outcome: How the lamps stand.
    """
    rows = "".join(map(_row, alerts))
    listed = f'<ul id="alerts">{rows}</ul>' if rows else ""
    return f'<section class="strip" aria-label="Alerts">{listed}{_end(alerts, outcome)}</section>'


def mark_of(instrument: str, marks: Mapping[str, tuple[str, str]]) -> str:
    """The sign of a panel that alerts are about; empty if there are none.

    Args:
        instrument: Its name.
        marks: Level and titles of those alerts, by instrument.
    """
    if instrument not in marks:
        return ""
    level, titles = marks[instrument]
    said = escape(f"{level}: {titles}")
    return (
        f'<span class="tool mark" role="img" data-level="{level}" title="{said}" '
        f'aria-label="{said}">{SHAPES[level]}</span>'
    )


def _row(alert: Mapping[str, Any]) -> str:
    level, step, lamp = alert["level"], alert["step"], alert["lamp"]
    when = "" if step is None else f"{'since ' if lamp else ''}step {step:,}"
    curve = alert["curve"] and Sparkline(**alert["curve"])
    why = f'<p class="why">{escape(alert["evidence"])} {_explained(alert["consequences"])}</p>'
    return (
        f'<li class="alert" data-level="{level}"{" data-lamp" if lamp else ""}>'
        f'<span class="level">{SHAPES[level]} {level}</span><div class="said">'
        f'<p><span class="message">{escape(alert["message"])}</span> '
        f'<span class="when">{when}</span> {escape(alert["means"])}</p>'
        f'<p class="advice">{escape(alert["advice"])}</p>{why if lamp else ""}'
        f"{_more(lamp) if lamp else ''}</div>{curve_svg(curve)}</li>"
    )


def _explained(consequences: Iterable[Mapping[str, Any]]) -> str:
    parts = [
        f'<span class="consequence" data-level="{one["level"]}" title="{escape(one["evidence"])}">'
        f"{SHAPES[one['level']]} {escape(one['title'])}</span>"
        for one in consequences
    ]
    return f"It explains {' '.join(parts)}" if parts else ""


def _more(lamp: str) -> str:
    """How the lamp tells, for who wants to know; shut at first."""
    words = words_of(lamp)
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in words.text)
    if words.source:
        paragraphs += f'<p class="quietly">Source: {escape(words.source)}</p>'
    return f"<details><summary>How it is told</summary>{paragraphs}</details>" if paragraphs else ""


def _end(alerts: Sequence[Mapping[str, Any]], outcome: Outcome) -> str:
    """The last line of the strip: that all is well, and who watched."""
    quiet = (
        "" if alerts else f'<p id="quiet">{"No lamp lit" if outcome.watched else "No alerts"}</p>'
    )
    if not outcome.watched:
        return f'<div class="strip-end">{quiet}</div>' if quiet else ""
    counts = f"{outcome.able} lamps watched"
    counts += f", {len(outcome.absent)} absent" if outcome.absent else ""
    return (
        f'<div class="strip-end">{quiet}<details class="lamps-list"><summary>{counts}</summary>'
        f"{_past(outcome)}{_listed('Saw nothing wrong', grouped(outcome.healthy))}"
        f"{_listed('Absent', reasons(outcome))}</details></div>"
    )


def _past(outcome: Outcome) -> str:
    rows = "".join(
        f"<p>{OUT_SHAPES[one.level]} {escape(words_of(one.lamp).title)}, steps {one.since:,} to "
        f"{one.until or one.last:,}. {escape(one.reading.evidence)}</p>"
        for one in outcome.past
    )
    return f"<h5>Were lit, and went out</h5>{rows}" if rows else ""


def _listed(head: str, parts: Sequence[tuple[str, Sequence[str]]]) -> str:
    rows = "".join(f"<p>{escape(what)}: {escape(', '.join(titles))}</p>" for what, titles in parts)
    return f"<h5>{head}</h5>{rows}" if rows else ""
