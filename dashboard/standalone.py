"""The whole cockpit as one HTML file: opens without a server, asks no host for anything.

Texts of a log are escaped where they stand on the page, and the figures travel as compressed
data. A policy in the file lets the browser run the two scripts that are meant, by their digests,
and nothing else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from cockpit._version import __version__
from cockpit.dashboard.alert_rows import alert_strip, mark_of
from cockpit.dashboard.colors import stylesheet
from cockpit.dashboard.drawing import panel_size, panel_words
from cockpit.dashboard.encode import encode
from cockpit.instruments import GROUPS, Instrument, NothingToShowError, Panel, View, panels
from cockpit.instruments.alerts import alerts
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.lamp_panels import marks
from cockpit.instruments.numbers import format_number
from cockpit.instruments.record_table import COLUMNS, Row, record_rows, select
from cockpit.instruments.run_summary import Fact, run_facts
from cockpit.lamps.outcome import Outcome
from cockpit.log import RunLog

HERE = Path(__file__).parent
STYLES = (
    "assets/10_base.css", "assets/20_head.css", "assets/22_alerts.css", "assets/30_cards.css",
    "assets/40_overlays.css", "assets/50_narrow.css", "standalone_page/page.css",
)  # fmt: skip
SCRIPTS = ("assets/30_dom.js", "assets/45_arrange.js", "standalone_page/page.js")
NUMBERS = 1_000  # rows of the table of the record
EXPLANATION = {
    "shows": "Shows", "good": "Good", "bad": "Trouble", "do": "What to do", "source": "Source",
}  # fmt: skip

Shown = tuple[Instrument, Panel]
Signs = dict[str, tuple[str, str]]  # of instruments: level, and titles of alerts


def cockpit_html(
    log: RunLog,
    view: View | None = None,
    names: Sequence[str] = (),
    *,
    theme: str = "system",
) -> str:
    """Every instrument of a run on one page of its own, in light and dark.

    Args:
        log: The run.
        view: How to look at it; by default as of its last step.
        names: Of the instruments to show; all if empty.
        theme: ``light``, ``dark``, or ``system``: as the browser has it.

    Returns:
        An HTML document of about 2 MB, nearly all of it plotly.js.

    Raises:
        NothingToShowError: If the run has nothing to show (yet).
        UnknownInstrumentError: If there is no instrument of one of the names.
    """
    view = view or View()
    shown = panels(log, view, names)
    if not shown:
        raise NothingToShowError(f"Run {log.name!r} ({log.path}) has no records yet.")
    axis = Horizontal(log, view).axis.label
    figures = [_both_themes(panel, axis) for _, panel in shown]
    parts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = "\n".join(["window.cockpit = {};", *parts])
    outcome = Outcome.of_log(log)
    found = alerts(log, outcome)
    signs = marks(found)
    body = [
        f'<div class="top">{alert_strip(found, outcome)}{_head(log, view)}</div>',
        '<main class="groups">',
        *(_group(group, [p for p in shown if p[0].group == group], signs) for group in GROUPS),
        '</main><div id="nothing" hidden></div>',
        _numbers(log, view),
        _footer(log, view),
        _data("figures", gzip.compress(encode(figures).encode(), mtime=0)),
        _data("plotly", _plotly()),
        f"<script>{script}</script>",
    ]
    return _document(log.name, theme, script, body)


def _document(title: str, theme: str, script: str, body: Iterable[str]) -> str:
    styles = [(HERE / name).read_text(encoding="utf-8") for name in STYLES]
    policy = (
        f"default-src 'none'; script-src {_digest(script)} {_digest(get_plotlyjs())}; "
        "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="en" data-theme="{escape(theme)}" '
            'data-mantine-color-scheme="light">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)} · Cockpit</title>",
            f"<style>{stylesheet()}\n{''.join(styles)}</style>\n</head>\n<body>",
            *body,
            "</body>\n</html>\n",
        ]
    )


def _digest(script: str) -> str:
    """How a Content-Security-Policy names a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@lru_cache(maxsize=1)
def _plotly() -> bytes:
    return gzip.compress(get_plotlyjs().encode(), mtime=0)


def _data(name: str, content: bytes) -> str:
    """Bytes in the page that its script reads; base64 holds nothing that could be markup."""
    text = base64.b64encode(content).decode("ascii")
    return f'<script type="application/octet-stream" id="{name}">{text}</script>'


def _both_themes(panel: Panel, axis: str) -> dict[str, object]:
    """A panel for the script: what changes with the theme side by side, so that it packs well."""
    light, dark = (panel_words(panel, theme, axis) for theme in ("light", "dark"))
    return {"history": light["history"], "light": light["figure"], "dark": dark["figure"]}


def _head(log: RunLog, view: View) -> str:
    name, *facts = run_facts(log, view)
    items = "".join(_fact(fact) for fact in facts)
    return (
        '<header class="head"><div class="brand">Cockpit</div>'
        f'<h1>{escape(name.value)}</h1><div class="facts">{items}</div>'
        '<div class="head-tools"><button type="button" class="quiet-button" id="theme" hidden>'
        "Dark</button></div></header>"
    )


def _fact(fact: Fact) -> str:
    label = escape(fact.label.capitalize())
    return (
        f'<div class="fact" data-role="{fact.role}"><span>{label}</span>'
        f"<output>{escape(fact.value)}</output></div>"
    )


def _group(group: str, shown: list[Shown], signs: Signs) -> str:
    if not shown:
        return ""
    cards = "".join(_card(one, panel, signs) for one, panel in shown)
    return (
        f'<section class="group" data-group="{group}"><h2>{group.capitalize()}</h2>'
        f'<div class="grid">{cards}</div></section>'
    )


def _card(one: Instrument, panel: Panel, signs: Signs) -> str:
    name, title = escape(one.name), escape(panel.title)
    label = escape(f"{panel.title}: {panel.current or 'see the picture'}")
    return (
        f'<section class="card" data-name="{name}" data-size="{panel_size(panel)}" '
        f'aria-label="{title}"><header>{mark_of(one.name, signs)}<h3>{title}</h3>'
        '<span class="tools">'
        f'<button type="button" class="tool help" popovertarget="help-{name}" '
        f'aria-label="What {title} means">?</button>'
        '<button type="button" class="tool expand" aria-label="Full screen" hidden>⤢</button>'
        f'</span></header><p class="reading"><output class="current">{escape(panel.current)}'
        f'</output><span class="note" title="{escape(panel.note)}">{escape(panel.note)}</span></p>'
        f'<div class="body"><div class="canvas"><div class="plot" role="img" '
        f'aria-label="{label}"></div></div>'
        f'<aside class="focus-only">{_explanation(one)}</aside></div>'
        f'<div class="popover" popover id="help-{name}"><h4>{title}</h4>{_explanation(one)}</div>'
        "</section>"
    )


def _explanation(one: Instrument) -> str:
    texts = asdict(one.help)
    rows = "".join(
        f'<dt>{label}</dt><dd class="{key}">{escape(texts[key])}</dd>'
        for key, label in EXPLANATION.items()
    )
    return f'<dl class="explanation">{rows}</dl>'


def _numbers(log: RunLog, view: View) -> str:
    rows, count = select(record_rows(log, view.step), "", NUMBERS)
    record = log.record(view.step) or {}
    head = "".join(f'<th scope="col">{name.capitalize()}</th>' for name in COLUMNS)
    body = "".join(map(_row, rows))
    more = "" if len(rows) == count else f" The first {len(rows):,}; the log has more."
    step = record.get("step")
    at = "" if step is None else f" at step {step:,}"
    return (
        f'<details class="record"><summary>Numbers{at}</summary><p>{more}</p>'
        f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</details>"
    )


def _row(row: Row) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row.cells()) + "</tr>"


def _footer(log: RunLog, view: View) -> str:
    said = [f"Cockpit {__version__}", f"{len(log.layers)} parameters"]
    if view.layers:
        said.append(f"shown: {', '.join(view.layers)}")
    if view.smoothing is not None:
        said.append(f"smoothing {format_number(100 * view.smoothing)} %")
    return f'<footer class="made">{escape(" · ".join(said))}</footer>'
