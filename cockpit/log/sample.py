"""Some lines of a long file, from all of it: what an overview is made of, in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

LONG = 32 * 2**20  # bytes; a shorter file is read whole in less than a second
LINES = 4096
EDGE = 2**18  # bytes at the beginning and at the end that are read whole
MOST_BYTES = 64 * 2**20  # for all lines together
LONGEST = 2**20  # of a line; longer ones are passed over


def sample(file: BinaryIO, size: int) -> list[tuple[int, bytes]]:
    """Full lines from the first ``EDGE`` bytes, and ``LINES`` others spread over the file.

    Args:
        file: A file of ``size`` bytes.
        size: More than two edges.

    Returns:
        Offset and text of each, without its line break, in the order of the file. None lies in
        the last ``EDGE`` bytes. Where lines are so long that all together take too much to read,
        there are fewer, spread as evenly.
    """
    found: dict[int, bytes] = {}
    file.seek(0)
    while file.tell() < EDGE and (line := _full(file)):
        found[file.tell() - len(line)] = line[:-1]
    spent = 0
    for place in islice(_spread(), LINES):
        file.seek(EDGE + int(place * (size - 2 * EDGE)))
        rest = file.readline(LONGEST)  # of the line that the place lies in
        start = file.tell()
        line = _full(file) if rest.endswith(b"\n") and start < size - EDGE else b""
        if line:
            found[start] = line[:-1]
        spent += len(rest) + len(line)
        if spent > MOST_BYTES:
            break
    return sorted(found.items())


def _full(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST)
    return line if line.endswith(b"\n") else b""


def _spread() -> Iterator[float]:
    """Places in [0, 1) that fill it evenly, wherever one stops: 1/2, 1/4, 3/4, 1/8 and so on.

    Reference: van der Corput (1935), in base 2.
    """
    number = 0
    while True:
        number += 1
        yield int(f"{number:b}"[::-1], 2) / 2 ** number.bit_length()
