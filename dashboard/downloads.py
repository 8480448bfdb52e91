"""What can be taken away: a panel or the record as CSV, the whole cockpit as HTML or PDF.

A browser sends names only; each is looked up among those that the run has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from cockpit.dashboard.question import MAX_TEXT, make_view
from cockpit.dashboard.runs import OpenRun, RunIndex, UnknownRunError
from cockpit.dashboard.standalone import cockpit_html
from cockpit.instruments import Instrument, NothingToShowError, View, instruments_for
from cockpit.instruments.record_table import COLUMNS, COUNTED, record_rows, select
from cockpit.log import RunLog
from cockpit.plot_command import arguments_of
from cockpit.render.table import WHOLE_RUN, csv_lines, panel_tables, write_csv

PDF_TIMEOUT_S = 300
MAX_VIEW = 1 << 14  # characters


@dataclass(frozen=True)
class Wish:
    """What a browser wants, looked up in the run.

    Attributes:
        run: The run.
        view: How to look at it.
        instrument: The one asked for, if one.
        search: Words that rows of the record contain.
    """

    run: OpenRun
    view: View
    instrument: Instrument | None
    search: str

    @property
    def log(self) -> RunLog:
        """The run's log."""
        return self.run.log

    def name(self, ending: str) -> str:
        """A harmless file name: the run, the instrument, the step."""
        parts = [self.log.path.parent.resolve().name, self.instrument and self.instrument.name]
        parts.append(None if self.view.step is None else f"step-{self.view.step}")
        text = "-".join(part for part in parts if part)
        return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip(".") + ending


Answer = Callable[[Wish], Response]


def add_downloads(server: Flask, index: RunIndex, prefix: str) -> None:
    """Add one route for each kind of file."""
    for name, answer in FILES.items():
        server.add_url_rule(f"{prefix}{name}", name, _checked(index, answer), methods=["GET"])


def _checked(index: RunIndex, answer: Answer) -> Callable[[], Response]:
    """Look up what is asked for; refuse what the run does not have."""

    def route() -> Response:
        try:
            return answer(_wish(index))
        except (UnknownRunError, NothingToShowError) as error:
            return _refused(f"There is nothing of that: {error}", 404)
        except ValueError as error:
            return _refused(f"Not understood: {error}", 400)

    return route


def _wish(index: RunIndex) -> Wish:
    given = request.args
    text = given.get("view", "{}")
    if any(len(given.get(key, "")) > MAX_TEXT for key in ("run", "instrument", "search")):
        raise ValueError("a name is too long")
    view = _object(text)
    run = index.open(given.get("run", ""))
    with run.lock:
        run.refresh()
    name = given.get("instrument", "")
    known = {one.name: one for one in instruments_for(run.log)}
    if name and name not in known:
        raise NothingToShowError("no such instrument")
    return Wish(run, make_view(view, run.log), known.get(name), given.get("search", ""))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if len(text) <= MAX_VIEW else None
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("view: expected a JSON object")
    return found


def _refused(text: str, status: int) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")


def _file(content: str | bytes | Iterator[str], name: str, kind: str) -> Response:
    response = Response(content, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def panel_csv(wish: Wish) -> Response:
    """What a panel draws, over the whole run, with every point."""
    if wish.instrument is None:
        raise ValueError("which instrument?")
    panel = wish.instrument(wish.log, replace(wish.view, **WHOLE_RUN))
    if panel is None:
        raise NothingToShowError(wish.instrument.name)
    return _file(write_csv(panel_tables(panel)), wish.name(".csv"), "text/csv")


def record_csv(wish: Wish) -> Response:
    """Every number of the record at the view's step, or of one instrument."""
    rows = (row.cells() for row in record_rows(wish.log, wish.view.step, wish.instrument))
    return _file(_pieces(rows), wish.name("-record.csv"), "text/csv")


def record_tsv(wish: Wish) -> Response:
    """The rows that a search finds, for the clipboard."""
    rows = record_rows(wish.log, wish.view.step, wish.instrument)
    found, _ = select(rows, wish.search, COUNTED)
    text = csv_lines([COLUMNS, *(row.cells() for row in found)], delimiter="\t")
    return Response(text, mimetype="text/tab-separated-values")


def _pieces(rows: Iterator[tuple[object, ...]]) -> Iterator[str]:
    yield csv_lines([COLUMNS])
    while piece := csv_lines(islice(rows, 1000)):
        yield piece


def cockpit_page(wish: Wish) -> Response:
    """The whole cockpit as one file that opens without a server."""
    text = cockpit_html(wish.log, wish.view)
    return _file(text, wish.name(".html"), "text/html")


_one_pdf = threading.Lock()


def cockpit_pdf(wish: Wish) -> Response:
    """The whole cockpit on one sheet, by a process of its own: the page goes on meanwhile."""
    with _one_pdf, tempfile.TemporaryDirectory(prefix="cockpit-") as folder:
        path = Path(folder, "cockpit.pdf")
        command = [sys.executable, "-m", "cockpit", "plot", str(wish.log.path.resolve())]
        done = subprocess.run(
            [*command, "--output", str(path), *arguments_of(wish.view)],
            capture_output=True, text=True, timeout=PDF_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NothingToShowError(done.stderr.strip().rpartition("\n")[2])
        return _file(path.read_bytes(), wish.name(".pdf"), "application/pdf")


FILES: dict[str, Answer] = {
    "panel.csv": panel_csv,
    "record.csv": record_csv,
    "record.tsv": record_tsv,
    "cockpit.html": cockpit_page,
    "cockpit.pdf": cockpit_pdf,
}
