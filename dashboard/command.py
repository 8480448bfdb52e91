"""The command ``cockpit ui``: its arguments and what it does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cockpit.dashboard.server import DEFAULT_HOST, DEFAULT_PORT, PortInUseError, serve
from cockpit.log import spill


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit ui``."""
    parser.add_argument("folder", type=Path, help="folder with runs, or one run")
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port; 0 takes a free one (%(default)s)"
    )
    parser.add_argument(
        "--prefix", default="/", help="path under which a proxy serves the page (%(default)s)"
    )
    parser.add_argument("--parent", type=int, help="end when this process has ended")
    parser.add_argument("--debug", action="store_true", help="log requests and tracebacks")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit status."""
    spill.use()
    try:
        serve(
            arguments.folder,
            host=arguments.host,
            port=arguments.port,
            debug=arguments.debug,
            prefix=arguments.prefix,
            parent=arguments.parent,
        )
    except (PortInUseError, NotADirectoryError, ValueError) as error:
        print(f"cockpit ui: {error}", file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``python -m cockpit.dashboard``."""
    parser = argparse.ArgumentParser(prog="cockpit ui", description="Serve the live page.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))
