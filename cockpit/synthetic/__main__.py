"""``python -m cockpit.synthetic``: write synthetic runs, or one that goes on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cockpit.synthetic.kinds import KINDS, write_kind
from cockpit.synthetic.live import keep_writing


def main(arguments: list[str] | None = None) -> int:
    """Write what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cockpit.synthetic", description="Write synthetic runs into a folder."
    )
    add = parser.add_argument
    add("folder", type=Path, help="gets a folder for each run; with --live, is the run's own")
    add("--kind", action="append", choices=tuple(KINDS), help="only this one; may be repeated")
    add("--steps", type=int, help="how many steps (each kind has its own number)")
    add("--seed", type=int, default=0, help="seed of all random numbers (%(default)s)")
    add("--live", action="store_true", help="one run that keeps writing")
    add("--rate", type=float, default=10.0, help="steps a second of --live (%(default)s)")
    add("--seconds", type=float, help="how long --live goes on (until Ctrl-C)")
    add("--layers", type=int, default=6, help="named parameters of --live (%(default)s)")
    given = parser.parse_args(arguments)
    if given.steps is not None and given.steps < 1:
        parser.error(f"argument --steps: got {given.steps}, expected a positive number")
    try:
        if given.live:
            steps = keep_writing(given.folder, rate=given.rate, seconds=given.seconds,
                                 layers=given.layers, seed=given.seed)  # fmt: skip
            print(f"{given.folder}: {steps:,} steps")
            return 0
        changes = {"seed": given.seed} | ({} if given.steps is None else {"steps": given.steps})
        for name in given.kind or KINDS:
            path = given.folder / name
            if path.exists():  # a second attempt of the same run is not what is asked for
                raise FileExistsError(f"{path} is there already. Remove it, or name another DIR.")
            write_kind(name, path, **changes)
            print(f"{path}: {KINDS[name].shows}", flush=True)
    except (OSError, ValueError) as error:
        print(f"python -m cockpit.synthetic: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
