"""The command ``cockpit plot``: pictures of a run as files, without torch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.instruments.grouping import GROUPINGS

if TYPE_CHECKING:
    from cockpit.instruments import View
    from cockpit.log import RunLog

FORMATS = (".pdf", ".png", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit plot``."""
    add = parser.add_argument
    add("run", type=Path, nargs="+",
        help="folder of the run, or its log file; several are laid over each other")  # fmt: skip
    add("-o", "--output", type=Path, default=Path("cockpit.pdf"),
        help="file to write: .pdf, .png or .svg (%(default)s)")  # fmt: skip
    add("-i", "--instrument", action="append", metavar="NAME",
        help="draw this instrument alone; may be repeated (all; 'list' names them)")  # fmt: skip
    add("--theme", choices=("print", "light", "dark"), default="print", help="(%(default)s)")
    add_view_arguments(parser)
    add("--dpi", type=int, default=150, help="resolution of a .png (%(default)s)")


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says how to look at a run."""
    add = parser.add_argument
    add("--step", type=int, help="as of this step (the last one)")
    add("--x", choices=("step", "epoch", "time"), default="step",
        help="horizontal axis of histories (%(default)s)")  # fmt: skip
    add("--log-x", action="store_true", help="logarithmic horizontal axis of histories")
    add("--layer", action="append", metavar="NAME",
        help="show this parameter instead of the whole network; may be repeated")  # fmt: skip
    add("--quantity", help="what the layers instrument shows, e.g. GradNorm")
    add("--group", choices=tuple(GROUPINGS), help="how the rows of layers are grouped")
    add("--search", default="", metavar="WORDS",
        help="show the rows of layers whose name or type contains these words")  # fmt: skip
    add("--smoothing", type=float, help="0 (none) to below 1 (chosen by the run's length)")
    add("--window", type=float, nargs=2, metavar=("LOW", "HIGH"),
        help="this part of the horizontal axis (all)")  # fmt: skip


def view_of(arguments: argparse.Namespace) -> View:
    """The view that the arguments ask for.

    Raises:
        ValueError: If a value is out of range.
    """
    from cockpit.instruments import View

    return View(
        step=arguments.step,
        layers=tuple(arguments.layer) if arguments.layer else None,
        quantity=arguments.quantity,
        x=arguments.x,
        x_scale="log" if arguments.log_x else "linear",
        smoothing=arguments.smoothing,
        grouping=arguments.group,
        search=arguments.search,
        window=tuple(arguments.window) if arguments.window else None,
    )


def arguments_of(view: View) -> list[str]:
    """The arguments that ask for a view, the inverse of :func:`view_of`."""
    given = [f"--x={view.x}", *(f"--layer={name}" for name in view.layers or ())]
    given += ["--log-x"] if view.x_scale == "log" else []
    for name in ("step", "quantity", "smoothing"):
        value = getattr(view, name)
        given += [] if value is None else [f"--{name}={value}"]
    given += [f"--group={view.grouping}"] if view.grouping else []
    given += [f"--search={view.search}"] if view.search else []
    return given + (["--window", *(f"{end:f}" for end in view.window)] if view.window else [])


def run(arguments: argparse.Namespace) -> int:
    """Draw and write the file; returns the exit status."""
    from cockpit.instruments import NothingToShowError, UnknownInstrumentError
    from cockpit.log import RunLog
    from cockpit.views import plot

    names = arguments.instrument
    try:
        view = view_of(arguments)
        logs = [RunLog(run) for run in arguments.run]
        log = logs[0]
        if names == ["list"]:
            return _list(log)
        if arguments.output.suffix.lower() not in FORMATS:
            raise ValueError(
                f"Cannot write {arguments.output}: the name must end in {', '.join(FORMATS)}."
            )
        chosen = names[0] if names and len(names) == 1 else names
        figure = plot(log if len(logs) == 1 else logs, chosen, theme=arguments.theme, view=view)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(arguments.output, dpi=arguments.dpi, metadata={"Title": log.name})
    except (OSError, ValueError, UnknownInstrumentError, NothingToShowError) as error:
        print(f"cockpit plot: {error}", file=sys.stderr)
        return 1
    print(arguments.output)
    return 0


def _list(log: RunLog) -> int:
    """Print the instruments that the run has something for."""
    from cockpit.instruments import panels

    for one, panel in panels(log):
        print(f"{one.name:20} {panel.title}")
    return 0
