"""A panel as lines of text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Bars, Heatmap, Line, Panel, Rule
from cockpit.instruments.panel import Text as Note
from cockpit.render.terminal_gauge import bar_lines, density_lines
from cockpit.render.terminal_heat import heat_lines
from cockpit.render.terminal_history import history_lines, tracks
from cockpit.render.terminal_paper import GUTTER, Paper, is_bad
from cockpit.render.terminal_text import LEVEL_STYLES, STYLES, cut, fit, words
from cockpit.render.theme import SHAPES

NARROWEST_ASIDE = 16


def panel_lines(panel: Panel, paper: Paper, mark: str = "") -> list[Text]:
    """The lines of a panel, each at most as wide as the paper.

    Args:
        panel: What to draw.
        paper: On what.
        mark: Level of the alerts that it is about, shown before its title; empty: none.
    """
    if paper.rows == 0:
        return [_in_one_line(panel, paper, mark)]
    lines = [_title(panel, paper.width, mark), *_picture(panel, paper)]
    if "below" in panel.side:
        lines += history_lines(panel.side["below"], replace(paper, rows=1))
    remarks = [m for m in panel.marks if isinstance(m, Note) and m.role in ("caution", "warning")]
    return lines + [words(f"  {cut(m.text, paper.width - 2)}", STYLES[m.role]) for m in remarks]


def _picture(panel: Panel, paper: Paper) -> list[Text]:
    """The panel itself, without what is attached to it."""
    for kind, draw in ((Heatmap, heat_lines), (Bars, bar_lines)):
        if any(isinstance(mark, kind) for mark in panel.marks):
            return draw(panel, paper)
    if panel.equal:  # a plane: what it shows are the last values of the histories below it
        return []
    return history_lines(panel, paper) if panel.y.visible else density_lines(panel, paper)


def _title(panel: Panel, width: int, mark: str) -> Text:
    """Title; the present value, unless each curve has its own beside it; the note if it fits."""
    line = _sign(mark)
    line.append(cut(panel.title, width - cell_len(line.plain)), "bold")
    several = len(tracks(panel)) > 1 or len(tracks(panel.side.get("below", panel))) > 1
    current = "" if several else cut(panel.current, width - cell_len(line.plain) - 2)
    if current:
        line.append(f"  {current}", STYLES["warning"] if is_bad(current) else "")
    asides = " · ".join([*_references(panel), *([panel.note] if panel.note else [])])
    room = width - cell_len(line.plain) - 3
    if asides and room >= NARROWEST_ASIDE:
        line.append("   ").append(fit(asides, room, "right"), "dim")
    return line


def _sign(mark: str) -> Text:
    """The shape of an alert before the title of a panel that it is about."""
    return words(f"{SHAPES[mark]} ", LEVEL_STYLES[mark]) if mark else words("")


def _references(panel: Panel) -> list[str]:
    """What the values are to be held against, e.g. ``2/η 40``."""
    found = []
    for mark in panel.marks:
        if isinstance(mark, Line) and mark.dash and mark.role == "muted" and not panel.equal:
            known = mark.y[np.isfinite(mark.y)]
            if known.size:
                found.append(f"{mark.label} {format_number(float(known[-1]))}")
        elif isinstance(mark, Rule) and mark.label:
            found.append(mark.label)
    return found


def _in_one_line(panel: Panel, paper: Paper, mark: str) -> Text:
    """Title, present value and one row of the picture."""
    title = min(26, max(paper.width // 3, 12))
    value = min(20, max(paper.width // 4, 8))
    line = _sign(mark)
    line.append(f"{fit(panel.title, title - cell_len(line.plain))} ", "bold")
    bad = is_bad(panel.current)
    line.append(fit(panel.current, value, "right"), STYLES["warning"] if bad else "").append(" ")
    strip = replace(paper, width=paper.width - title - value - 2 + GUTTER, rows=1)
    rows = _picture(panel, strip) or history_lines(panel.side.get("below", Panel()), strip)
    return line.append_text(rows[0][GUTTER:]) if rows else line
