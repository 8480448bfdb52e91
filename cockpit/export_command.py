"""The command ``cockpit export``: a run as one HTML file, or its numbers as CSV, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.plot_command import add_view_arguments, view_of

if TYPE_CHECKING:
    from cockpit.instruments import View
    from cockpit.log import RunLog


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit export``."""
    add = parser.add_argument
    add("run", type=Path, help="folder of the run, or its log file")
    add("-o", "--output", type=Path, default=Path("cockpit.html"),
        help="file to write: .html, which opens without a server, or .csv, the numbers of one "
        "instrument (%(default)s)")  # fmt: skip
    add("-i", "--instrument", action="append", metavar="NAME",
        help="this instrument alone; may be repeated for .html (all)")  # fmt: skip
    add("--theme", choices=("system", "light", "dark"), default="system",
        help="of an .html at first (%(default)s)")  # fmt: skip
    add_view_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the file; returns the exit status."""
    from cockpit.instruments import NothingToShowError, UnknownInstrumentError
    from cockpit.log import RunLog
    from cockpit.views import check

    output, names = arguments.output, tuple(arguments.instrument or ())
    try:
        view = view_of(arguments)
        write = WRITERS.get(output.suffix.lower())
        if write is None:
            raise ValueError(
                f"Cannot write {output}: the name must end in {' or '.join(WRITERS)}. "
                "For .pdf, .png and .svg use cockpit plot."
            )
        log = RunLog(arguments.run)
        check(log, view)
        pieces = write(log, view, names, arguments.theme)
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
    except (OSError, ValueError, UnknownInstrumentError, NothingToShowError) as error:
        print(f"cockpit export: {error}", file=sys.stderr)
        return 1
    print(f"{output} ({output.stat().st_size / 1e3:,.0f} kB)")
    return 0


def _html(log: RunLog, view: View, names: tuple[str, ...], theme: str) -> Iterator[str]:
    from cockpit.dashboard.standalone import cockpit_html

    return iter([cockpit_html(log, view, names, theme=theme)])


def _csv(log: RunLog, view: View, names: tuple[str, ...], theme: str) -> Iterator[str]:
    from cockpit.instruments import NothingToShowError, get
    from cockpit.render.table import WHOLE_RUN, panel_tables, write_csv

    if len(names) != 1:
        raise ValueError(f"A .csv holds one instrument (-i NAME), got {len(names)}.")
    panel = get(names[0], log)(log, replace(view, **WHOLE_RUN))
    if panel is None:
        raise NothingToShowError(f"Run {log.name!r} has no records for {names[0]}.")
    return write_csv(panel_tables(panel))


Writer = Callable[["RunLog", "View", tuple[str, ...], str], Iterator[str]]
WRITERS: dict[str, Writer] = {".html": _html, ".csv": _csv}
