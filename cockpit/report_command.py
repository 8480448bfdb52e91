"""The command ``cockpit report``: what was seen of a run, and what to try first; without torch."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit report``."""
    add = parser.add_argument
    add("run", type=Path, help="folder of the run, or its log file; of a folder with several "
        "runs the one that was written last")  # fmt: skip
    add("--html", type=Path, metavar="FILE",
        help="write it as a page: one file that opens without a server")  # fmt: skip
    add("--theme", choices=("system", "light", "dark"), default="system",
        help="of the page (%(default)s)")  # fmt: skip
    add("--anew", action="store_true",
        help="light the lamps of this version, whatever those of the run said")  # fmt: skip
    add("--width", type=int, help="columns of the text (those of the terminal, at most 100)")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the report; returns the exit status."""
    from rich.console import Console

    from cockpit.log import RunLog
    from cockpit.render.terminal_text import clean
    from cockpit.report import report_on
    from cockpit.tail_command import find

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without unicode shows ? and goes on
            stream.reconfigure(errors="replace")
    console = Console(width=arguments.width, highlight=False, markup=False, emoji=False)
    try:
        with console.status("Reading …") if console.is_terminal else nullcontext():
            report = report_on(RunLog(find(arguments.run)[0]), anew=arguments.anew)
        if arguments.html is None:
            from cockpit.render.report_text import report_lines

            for line in report_lines(report, console.width):
                console.print(line, end="\n", crop=True, no_wrap=True, soft_wrap=False)
            return 0
        from cockpit.dashboard.report_page import report_html

        arguments.html.parent.mkdir(parents=True, exist_ok=True)
        arguments.html.write_text(report_html(report, arguments.theme), encoding="utf-8")
    except OSError as error:
        print(f"cockpit report: {clean(error)}", file=sys.stderr)
        return 1
    print(f"{arguments.html} ({arguments.html.stat().st_size / 1e3:,.0f} kB)")
    return 0
