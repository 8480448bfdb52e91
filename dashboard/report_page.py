"""The report on a run as one HTML file without a script: in light and dark, and on paper.

Texts of a log are escaped where they stand; a policy in the file lets nothing run or be fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from cockpit._version import __version__
from cockpit.dashboard.colors import stylesheet_of
from cockpit.dashboard.curve import curve_svg
from cockpit.instruments.alerts import Consequence
from cockpit.instruments.lamp_words import spans_words
from cockpit.instruments.numbers import format_number
from cockpit.render.report_text import HIDDEN, NOT_FOUND
from cockpit.render.theme import OUT_SHAPES, SHAPES
from cockpit.report import Entry, Report, Titles, counted

HERE = Path(__file__).parent
STYLES = ("assets/10_base.css", "standalone_page/report.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LEAST_WIDTH = 0.6  # of a stretch in the picture of the run, in percent


def report_html(report: Report, theme: str = "system") -> str:
    """The report as a page.

    Args:
        report: What there is to say.
        theme: ``light``, ``dark``, or ``system``: as the browser has it.
    """
    styles = "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(report.name)} · report · Cockpit</title>",
            f"<style>{stylesheet_of(theme)}\n{styles}</style>\n</head>\n<body>",
            _head(report),
            "<main>",
            _verdict(report),
            _course(report),
            _entries("", report.lit, report),
            _entries("Lit for a while, and out again", report.out, report),
            _others(report.others),
            _titles(NOT_FOUND, "✓ ", report.healthy),
            _titles(HIDDEN, "", _listed(report.hidden)),
            _titles("Could not be checked", "", report.absent),
            _titles("Silenced by the program", "", _listed(report.silenced)),
            "</main>",
            f'<footer class="made">Cockpit {__version__}{_afterwards(report)}</footer>',
            "</body>\n</html>\n",
        ]
    )


def _head(report: Report) -> str:
    facts = "".join(
        f'<div class="fact" data-role="{fact.role}"><dt>{escape(fact.label.capitalize())}</dt>'
        f"<dd>{escape(fact.value)}</dd></div>"
        for fact in report.facts
    )
    return (
        f'<header><p class="brand">Cockpit <span>report</span></p><h1>{escape(report.name)}</h1>'
        f'<dl class="facts">{facts}</dl></header>'
    )


def _afterwards(report: Report) -> str:
    """Where the findings come from, if not from lamps that watched."""
    told = " · its lamps looked at the log afterwards, not while the run went on"
    return told if report.afterwards else ""


def _verdict(report: Report) -> str:
    level, advice = report.level, report.try_first
    sign = f'<span class="sign">{SHAPES[level]}</span> ' if level else ""
    counts = f'<p class="quietly">{escape(report.verdict)}</p>' if level else ""
    first = f'<p class="first"><span>Try first</span> {escape(advice)}</p>' if advice else ""
    return (
        f'<section class="verdict" data-level="{level}"><h2>{sign}{escape(report.headline)}</h2>'
        f"{counts}{first}</section>"
    )


def _course(report: Report) -> str:
    """The run from left to right, and when which lamp was lit."""
    if not report.entries or report.steps is None:
        return ""
    low, high = report.steps
    rows = "".join(_track(entry, low, high) for entry in report.entries)
    return (
        f'<figure class="course" aria-label="When which lamp was lit">{rows}'
        f"<figcaption><span>step {low:,}</span><span>step {high:,}</span></figcaption></figure>"
    )


def _track(entry: Entry, low: int, high: int) -> str:
    alert, whole = entry.alert, max(high - low, 1)
    stretches = ""
    for since, until in entry.spans:
        start = 100 * min(max((since - low) / whole, 0.0), 1.0)
        end = 100.0 if until is None else 100 * min(max((until - low) / whole, 0.0), 1.0)
        width = max(end - start, LEAST_WIDTH)
        left = min(start, 100 - LEAST_WIDTH)
        stretches += f'<span style="left:{left:.2f}%;width:{width:.2f}%"></span>'
    shape = (SHAPES if entry.is_lit else OUT_SHAPES)[alert.level]
    return (
        f'<div class="row" data-level="{alert.level}"{_out(entry)}><span class="name">'
        f'<span class="sign">{shape}</span> {escape(alert.message)}</span>'
        f'<span class="track">{stretches}</span></div>'
    )


def _entries(head: str, entries: Sequence[Entry], report: Report) -> str:
    if not entries:
        return ""
    title = f"<h2>{escape(head)}</h2>" if head else ""
    return title + "".join(_entry(entry, report) for entry in entries)


def _entry(entry: Entry, report: Report) -> str:
    """What was seen, when, with what evidence, what it means and what to do about it."""
    alert, words = entry.alert, entry.words
    shape = (SHAPES if entry.is_lit else OUT_SHAPES)[alert.level]
    parts = [
        ("What it means", escape(alert.means)),
        ("What to do", escape(alert.advice)),
        ("Evidence", escape(alert.evidence)),
        ("Where", escape(", ".join(alert.layers))),
        ("What a program would change", escape(alert.suggestion)),
        ("It explains", "".join(map(_consequence, alert.consequences))),
    ]
    rows = "".join(f"<dt>{label}</dt><dd>{text}</dd>" for label, text in parts if text)
    return (
        f'<article data-level="{alert.level}"{_out(entry)}>'
        f'<p class="level"><span class="sign">{shape}</span> {alert.level}'
        f"{f' · {words.kind}' if words.kind else ''}</p>"
        f"<h3>{escape(alert.message)}</h3>"
        f'<p class="when">{escape(spans_words(entry.spans, over=report.over))}</p>'
        f'<div class="said"><dl>{rows}</dl><div class="seen">{curve_svg(alert.curve)}'
        f"{_numbers(alert.numbers)}</div></div>{_background(entry)}</article>"
    )


def _out(entry: Entry) -> str:
    return "" if entry.is_lit else " data-out"


def _numbers(numbers: dict[str, float | str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(_number(value))}</td></tr>'
        for name, value in numbers.items()
    )
    return f"<table>{rows}</table>" if rows else ""


def _number(value: float | str) -> str:
    return format_number(float(value), 4)


def _consequence(one: Consequence) -> str:
    since = "" if one.step is None else f" since step {one.step:,}"
    return (
        f'<p data-level="{one.level}"><span class="sign">{SHAPES[one.level]}</span> '
        f'{escape(one.title)}{since}. <span class="quietly">{escape(one.evidence)}</span></p>'
    )


def _background(entry: Entry) -> str:
    """How the lamp tells, for who wants to know; shut at first."""
    words = entry.words
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in words.text)
    if words.source:
        paragraphs += f'<p class="quietly">Source: {escape(words.source)}</p>'
    if words.page:
        paragraphs += f'<p class="quietly">More: {escape(words.page)}</p>'
    return f"<details><summary>How it is told</summary>{paragraphs}</details>" if paragraphs else ""


def _others(others: Iterable[dict[str, Any]]) -> str:
    rows = "".join(
        f'<article data-level="{alert["level"]}"><p class="level"><span class="sign">'
        f"{SHAPES[alert['level']]}</span> {alert['level']}</p><h3>{escape(alert['message'])}</h3>"
        f"{_when(alert['step'])}<p>{escape(alert['advice'])}</p></article>"
        for alert in others
    )
    return f"<h2>Beside the lamps</h2>{rows}" if rows else ""


def _when(step: int | None) -> str:
    return "" if step is None else f'<p class="when">step {step:,}</p>'


def _listed(titles: Sequence[str]) -> Titles:
    return (("", tuple(titles)),) if titles else ()


def _titles(head: str, sign: str, parts: Titles) -> str:
    """Titles of lamps by what they have in common."""
    if not parts:
        return ""
    count = sum(len(titles) for _, titles in parts)
    blocks = "".join(
        f"<div>{f'<h3>{sign}{escape(what)}</h3>' if what else ''}<ul>"
        + "".join(f"<li>{escape(title)}</li>" for title in titles)
        + "</ul></div>"
        for what, titles in parts
    )
    return (
        f'<section class="checked"><h2>{head} <span class="quietly">{counted(count, "lamp")}</span>'
        f'</h2><div class="blocks">{blocks}</div></section>'
    )
