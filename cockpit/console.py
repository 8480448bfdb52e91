"""What the commands that train have in common: arguments, data, bars."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from cockpit.lamps import Episode
    from cockpit.problems.data import DataSet

__all__ = ["LAMP_SIGNS", "LAMP_STYLES", "lamp_words", "load_data", "positive", "training_bar"]

LAMP_STYLES = {"warning": "bold red", "caution": "bold yellow", "advisory": "cyan"}
LAMP_SIGNS = {"warning": "▲", "caution": "◆", "advisory": "●"}


def positive(kind: type[Any]) -> Any:
    """A parser of positive numbers of this kind."""

    def parse(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not number > 0:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a positive number")
        return number

    return parse


def training_bar(console: Console) -> Progress:
    """A bar for steps of training, with what is said of them."""
    return Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
        console=console,
    )


def lamp_words(lit: Sequence[Episode]) -> str:
    """The worst lamp that is lit and no other's consequence, with rich's markup; empty if none is.

    Args:
        lit: The worst first, as :attr:`Cockpit.lamps <cockpit.Cockpit.lamps>` has them.
    """
    from cockpit.lamps import get

    worst = next((episode for episode in lit if episode.cause is None), None)
    if worst is None:
        return ""
    title = escape(get(worst.lamp).title)
    sign, style = LAMP_SIGNS[worst.level], LAMP_STYLES[worst.level]
    return f"[{style}]{sign} {worst.level}: {title}[/]"


def load_data(name: str, console: Console, *, fallback: bool = False) -> Any:
    """A data set by its name, with a bar while files are fetched, and a word on where it was.

    Raises:
        FileNotFoundError: If it can't be had.
        ValueError: If there is none of that name.
    """
    from cockpit.problems.data import load

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks: dict[str, Any] = {}

        def progress(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file)
            bar.update(tasks[file], completed=done, total=total or None)

        found: DataSet = load(name, fallback=fallback, report=bar.console.print, progress=progress)
    size = f"{len(found.train):,} {found.unit}"
    console.print(f"Data: {found.title}, {size} from {found.found}", markup=False, soft_wrap=True)
    return found
