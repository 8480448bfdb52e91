"""``python -m cockpit.problems.data [NAME]``: have a data set on this machine, say where it is."""

from __future__ import annotations

import sys

from cockpit.problems.data import load


def main(arguments: list[str]) -> int:
    """Find or fetch the data set; 1 if it can't be had."""
    try:
        found = load(*arguments[:1])
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{found.title}: {len(found.train)} + {len(found.test)} {found.unit}, {found.found}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
