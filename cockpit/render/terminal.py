"""A run as a page of text: alerts, facts, and all instruments in their four groups."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cockpit.instruments.numbers import format_duration
from cockpit.instruments.panel import Panel
from cockpit.instruments.run_summary import Fact
from cockpit.render.terminal_panel import panel_lines
from cockpit.render.terminal_paper import Paper
from cockpit.render.terminal_text import LEVEL_STYLES, STYLES, clean, cut, words
from cockpit.render.theme import SHAPES

NARROWEST, MOST_COLUMNS, GAP = 62, 4, 3  # columns of text
# Lines of a picture, and whether groups have headings, from the most detail to the least.
DETAIL = ((3, True), (2, True), (1, True), (0, True), (0, False))
UNBOUNDED = ((2, True),)
MOST_ALERTS, MOST_LINES, ALERT_INDENT = 3, 2, 11

Lines = list[Text]


@dataclass(frozen=True)
class Page:
    """What there is to show of a run.

    Attributes:
        facts: About the run, the first its name.
        alerts: As :func:`cockpit.instruments.alerts.alerts` gives them, warnings first.
        panels: Of the instruments, in the order of the page.
        changed: When the log last grew, unix seconds.
        remark: A line under the facts, if there is something to say.
        marks: The level of the alerts that each panel is about, in their order; empty: none.
    """

    facts: Sequence[Fact]
    alerts: Sequence[Mapping[str, Any]]
    panels: Sequence[Panel]
    changed: float
    remark: str = ""
    marks: Sequence[str] = ()


def page_lines(page: Page, width: int, height: int | None = None, *, color: bool = True) -> Lines:
    """The page, as detailed as it can be.

    Args:
        page: What to show.
        width: Of the terminal, in columns.
        height: Of the terminal, in lines; ``None``: as long as it gets.
        color: Whether there are colors.

    Returns:
        Lines of at most ``width`` columns; at most ``height`` of them.
    """
    head = [*_alert_lines(page.alerts, width), *_fact_lines(page, width)]
    count = max(1, min((width + GAP) // (NARROWEST + GAP), MOST_COLUMNS, len(page.panels) or 1))
    body: Lines = []
    for rows, headed in DETAIL if height is not None else UNBOUNDED:
        paper = Paper((width - GAP * (count - 1)) // count, rows, color)
        body = _columns(page, paper, count, headed)
        if height is None or len(head) + len(body) <= height:
            break
    lines = [*head, *body]
    if height is not None and len(lines) > height:
        hidden = len(lines) - height + 1
        more = f"… {hidden} more lines: make the window larger, or use --once"
        lines = [*lines[: height - 1], words(cut(more, width), "dim")]
    return lines


def print_page(console: Console, page: Page) -> None:
    """Print the whole page, as wide as the console."""
    for line in page_lines(page, console.width, color=has_color(console)):
        console.print(line, end="\n", highlight=False, crop=True, no_wrap=True, soft_wrap=False)


def has_color(console: Console) -> bool:
    """Whether cells can have colors."""
    return console.color_system is not None and not console.no_color


def _alert_lines(alerts: Sequence[Mapping[str, Any]], width: int) -> Lines:
    """Shape, word and message of each alert, and what to do; of the first one also why."""
    lines: Lines = []
    for alert in alerts[:MOST_ALERTS]:
        style = LEVEL_STYLES[alert["level"]]
        lines.append(words(f"{SHAPES[alert['level']]} {alert['level'].upper():<8} ", style))
        for i, part in enumerate(_wrapped(_message(alert), width)):
            if i:
                lines.append(words(" " * ALERT_INDENT))
            lines[-1].append(part)
        whys = _whys(alert) if alert is alerts[0] else ()
        for text in (alert["advice"], *whys):
            parts = _wrapped(text, width)
            lines += [words(" " * ALERT_INDENT).append(part, "dim") for part in parts]
    if len(alerts) > MOST_ALERTS:
        rest = [str(alert["level"]) for alert in alerts[MOST_ALERTS:]]
        counts = [_count(rest.count(level), level) for level in SHAPES if level in rest]
        more = cut(f"and {', '.join(counts)} more", width - ALERT_INDENT)
        lines.append(words(" " * ALERT_INDENT).append(more, "dim"))
    return lines


def _count(number: int, level: str) -> str:
    plural = {"advisory": "advisories"}.get(level, f"{level}s")
    return f"{number} {level if number == 1 else plural}"


def _message(alert: Mapping[str, Any]) -> str:
    """What is the case, since when; of a lamp also what that means."""
    means = f": {alert['means']}" if alert.get("means") else ""
    return f"{alert['message']}{_steps(alert)}{means}"


def _whys(alert: Mapping[str, Any]) -> list[str]:
    """The evidence of a lamp, and what else it explains."""
    evidence, explained = alert.get("evidence"), alert.get("consequences") or ()
    titles = ", ".join(f"{SHAPES[one['level']]} {one['title']}" for one in explained)
    return [*([evidence] if evidence else []), *([f"It explains {titles}."] if titles else [])]


def _wrapped(text: object, width: int) -> list[str]:
    """A cleaned text on a few lines beside the alerts' words."""
    room = max(width - ALERT_INDENT, 8)
    parts = wrap(clean(text), room, max_lines=MOST_LINES, placeholder=" …")
    return [cut(part, room) for part in parts]


def _steps(alert: Mapping[str, Any]) -> str:
    first, last = alert["step"], alert["last"]
    if first is None:
        return ""
    if alert.get("lamp"):
        return f" (since step {first:,})"
    return f" (step {first:,})" if last in (None, first) else f" (steps {first:,} to {last:,})"


def _fact_lines(page: Page, width: int) -> Lines:
    """The facts, on as many lines as they need."""
    age = format_duration(max(0.0, clock.time() - page.changed))
    facts = [*page.facts[:3], Fact("data", f"{age} old"), *page.facts[3:]]
    lines = [words("")]
    for fact in facts:
        text = words("")
        if fact.label not in ("run", "status"):
            text.append(f"{cut(fact.label, 20)} ", "dim")
        style = "bold" if fact.label == "run" else STYLES[fact.role]
        value = cut(fact.value, width - cell_len(text.plain))
        text.append(value, "" if style == "dim" else style)
        if lines[-1].plain and cell_len(lines[-1].plain) + cell_len(text.plain) + 3 > width:
            lines.append(words(""))
        lines[-1].append("   " if lines[-1].plain else "").append_text(text)
    if page.remark:
        lines.append(words(cut(page.remark, width), "dim"))
    return lines


def _columns(page: Page, paper: Paper, count: int, headed: bool) -> Lines:
    """Panels below each other in columns of about the same height, groups in order."""
    panels = page.panels
    signs = page.marks or [""] * len(panels)
    blocks = [panel_lines(panel, paper, mark) for panel, mark in zip(panels, signs, strict=True)]
    gap = 1 if paper.rows > 1 else 0
    columns = []
    for part in _cut_evenly([len(block) + gap for block in blocks], count):
        column: Lines = []
        for i in part:
            column += [words("")] * (gap if column else 0)
            if headed and (i == part[0] or panels[i].group != panels[i - 1].group):
                column.append(_heading(panels[i].group, paper.width))
            column += blocks[i]
        columns.append(column)
    return _side_by_side(columns, paper.width)


def _heading(group: str, width: int) -> Text:
    return words(f"── {group} ".ljust(width, "─"), "dim")


def _cut_evenly(heights: Sequence[int], count: int) -> list[list[int]]:
    """Indices of consecutive panels for each column, the tallest column as low as possible."""

    def filled(limit: int) -> list[list[int]]:
        parts: list[list[int]] = [[]]
        used = 0
        for i, height in enumerate(heights):
            if parts[-1] and used + height > limit:
                parts.append([])
                used = 0
            parts[-1].append(i)
            used += height
        return parts

    limit = max([*heights, -(-sum(heights) // count)])
    while len(parts := filled(limit)) > count:
        limit += 1
    return parts if heights else []


def _side_by_side(columns: Sequence[Lines], width: int) -> Lines:
    """Columns of lines as whole lines."""
    lines = []
    for row in range(max(map(len, columns), default=0)):
        line = words("")
        for column in columns:
            if column is not columns[0]:
                line.append(" " * GAP)
            piece = column[row] if row < len(column) else words("")
            line.append_text(piece)
            if column is not columns[-1]:
                line.append(" " * (width - cell_len(piece.plain)))
        lines.append(line)
    return lines
