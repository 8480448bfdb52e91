"""The command ``cockpit problems``: what can be trained here."""

from __future__ import annotations

import argparse

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cockpit.problems import Problem, all_problems
from cockpit.problems.data import SOURCES

PLAIN_WIDTH = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit problems``: there are none."""


def run(arguments: argparse.Namespace) -> int:
    """List the problems; returns the exit status."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    console.print(table())
    console.print("Train one: cockpit train P3 --ui. Where its data is not here, --data puts")
    console.print("another set of the same kind under the same network:")
    for kind, names in here_by_kind().items():
        console.print(f"  {kind}: {', '.join(names) or 'none here'}")
    console.print("  or any text file, by its path")
    return 0


def table() -> Table:
    """One row for each problem."""
    made = Table(box=SIMPLE, pad_edge=False)
    for heading in ("", "name", "data", "here"):
        made.add_column(heading, no_wrap=True)
    for heading in ("parameters", "batch", "epochs", "lr", "L2"):
        made.add_column(heading, justify="right", no_wrap=True)
    for problem in all_problems():
        made.add_row(*_row(problem))
    return made


def _row(problem: Problem) -> tuple[str, ...]:
    source = SOURCES[problem.dataset]
    size = sum(parameter.numel() for parameter in problem.model(0).parameters())
    return (
        problem.key,
        problem.name,
        source.name,
        "yes" if source.where() else "no",
        f"{size:,}",
        str(problem.batch_size),
        str(problem.epochs),
        f"{problem.lr:g}",
        f"{problem.l2:g}" if problem.l2 else "",
    )


def here_by_kind() -> dict[str, list[str]]:
    """Names of the data sets that are on this machine, by their kind."""
    found: dict[str, list[str]] = {source.makes.kind: [] for source in SOURCES.values()}
    for source in SOURCES.values():
        if source.where():
            found[source.makes.kind].append(source.name)
    return found
