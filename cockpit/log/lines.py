"""Reads the full lines of a growing file, each once, and notices when it became another file."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from cockpit.log.parse import MAX_LINE
from cockpit.log.sample import EDGE, LONG, sample

_BUFFER, _SMALL_BUFFER = 2**20, 2**13
_LINES_A_LOOK = 64  # between looks at the clock
_HEAD, _TAIL = 512, 64  # bytes that must still be there, or the file was rewritten

Change = Literal["none", "grown", "replaced"]


class LineReader:
    """Full lines of a file from a byte offset on.

    Args:
        path: The file. Anything but a regular file counts as missing.
        sampled: Whether a long file is only sampled, up to its end; see :mod:`cockpit.log.sample`.

    Attributes:
        offset: Where the first byte lies that was not read yet.
        size: Of the file, when last looked at.
        has_more: Whether time was up before the end of the file.
        passed_over: Whether lines before ``offset`` were left out of a sample.
        too_long: Lines that were skipped because they are longer than ``MAX_LINE``.
        modified: When the file last grew, unix seconds.

    Raises:
        FileNotFoundError: If there is no such file.
    """

    def __init__(self, path: Path, *, sampled: bool = False) -> None:
        self.path = path
        self._sampled = sampled
        self._seen: tuple[int, ...] | None = None
        self._in_long_line = False
        self._restart(_stat(path))

    def check(self) -> Change:
        """Whether there is something to read; ``replaced`` starts again from the beginning.

        A file that has vanished is reported as unchanged.
        """
        try:
            status = _stat(self.path)
        except OSError:
            return "none"
        seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            return "none"
        self._seen = seen
        self.modified, self.size = status.st_mtime, status.st_size
        if self._is_same_file(status):
            return "grown"
        self._restart(status)
        return "replaced"

    def lines(self, seconds: float = math.inf) -> Iterator[tuple[int, bytes]]:
        """Each full line not read yet, without its line break, and its offset in the file.

        Args:
            seconds: Stop after about so long; the next call goes on.
        """
        until = time.monotonic() + seconds
        self.has_more = False
        try:
            if self._sampled and self.offset == 0 and self.size > LONG:
                yield from self._sample()
            with self.path.open("rb", buffering=_BUFFER) as file:
                file.seek(self.offset)
                yield from self._lines(file, until)
                self._remember(file)
        except OSError:
            self._seen = None  # look again next time

    def _sample(self) -> Iterator[tuple[int, bytes]]:
        """Lines of all of the file but its end, where reading on begins."""
        with self.path.open("rb", buffering=_SMALL_BUFFER) as file:
            yield from sample(file, self.size)
            file.seek(self.size - EDGE)
            rest = file.readline(EDGE)
            self.offset = self.size - EDGE + len(rest)
            self._in_long_line = not rest.endswith(b"\n")
        self.passed_over = True

    def read(self, offset: int, length: int) -> bytes:
        """A piece of the file; shorter if the file is."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                return file.read(length) or b""
        except OSError:
            return b""

    def _lines(self, file: BinaryIO, until: float) -> Iterator[tuple[int, bytes]]:
        count = 0
        while piece := file.readline(MAX_LINE):
            is_full = piece.endswith(b"\n")
            is_part_of_long = self._in_long_line or (len(piece) == MAX_LINE and not is_full)
            if not is_full and not is_part_of_long:
                return  # being written
            start = self.offset
            self.offset += len(piece)
            if not is_part_of_long:
                yield start, piece[:-1]
            elif not self._in_long_line:
                self.too_long += 1
            self._in_long_line = is_part_of_long and not is_full
            count += 1
            if (is_part_of_long or count % _LINES_A_LOOK == 0) and time.monotonic() > until:
                self._seen, self.has_more = None, True
                return

    def _restart(self, status: os.stat_result) -> None:
        self.offset = 0
        self.too_long = 0
        self.passed_over = self.has_more = False
        self.modified, self.size = status.st_mtime, status.st_size
        self._identity = (status.st_dev, status.st_ino)
        self._in_long_line = False
        self._head = self._tail = b""

    def _remember(self, file: BinaryIO) -> None:
        file.seek(0)
        self._head = file.read(min(_HEAD, self.offset))
        file.seek(max(0, self.offset - _TAIL))
        self._tail = file.read(min(_TAIL, self.offset))

    def _is_same_file(self, status: os.stat_result) -> bool:
        if (status.st_dev, status.st_ino) != self._identity or status.st_size < self.offset:
            return False
        tail_at = self.offset - len(self._tail)
        return (
            self.read(0, len(self._head)) == self._head
            and self.read(tail_at, len(self._tail)) == self._tail
        )


def _stat(path: Path) -> os.stat_result:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(f"{path} is not a regular file.")
    return status
