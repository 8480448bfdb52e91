"""The command ``cockpit``. Each subcommand is a module with ``add_arguments`` and ``run``.

Only the module of the command that is asked for is imported, so that reading and plotting logs
needs no torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from cockpit._version import __version__

# Name of the command: its module, what it does.
COMMANDS = {
    "demo": ("cockpit.demo", "train a network on Fashion-MNIST and watch it live"),
    "problems": ("cockpit.problems.list_command", "list the test problems and their data"),
    "train": ("cockpit.problems.train_command", "train a test problem with the cockpit around it"),
    "ui": ("cockpit.dashboard.command", "serve the live page of one or more runs"),
    "tail": ("cockpit.tail_command", "show a run's instruments as text in the terminal"),
    "check": ("cockpit.check_command", "say what was wrong with a run, and what was healthy"),
    "report": ("cockpit.report_command", "say what was seen of a run, and what to try first"),
    "export": ("cockpit.export_command", "write a run as one HTML file, or its numbers as CSV"),
    "plot": ("cockpit.plot_command", "draw a run as PDF, PNG or SVG"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Args:
        arguments: What follows ``cockpit``; by default what the shell gave.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="cockpit", description="Live instruments for the training of neural networks."
    )
    parser.add_argument("--version", action="version", version=f"cockpit {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in given if word in COMMANDS), None)
    for name, (module, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:]
        )
        if name == asked:
            import_module(module).add_arguments(subparser)
    parsed = parser.parse_args(given)
    try:
        return int(import_module(COMMANDS[parsed.command][0]).run(parsed))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
