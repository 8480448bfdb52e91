"""Room for long arrays that need not stay in memory: in a temporary file, on Linux.

A page that is open for a night on a run of a million steps keeps hundreds of megabytes of numbers.
Once :func:`use` was called they are mapped from a file that has no name, so the system may drop
what is not looked at, and :func:`release` tells it to. Else arrays are ordinary ones: in a user's
own process, and where there is no such file.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np

__all__ = ["empty", "release", "use"]

LEAST = 2**16  # bytes; smaller arrays stay in memory
ADDRESSES = 2**38  # bytes of addresses that are set aside; the file takes what is used
IN_MEMORY = ("tmpfs", "ramfs")  # file systems that would give back nothing

_store: _Store | None = None


def use() -> None:
    """Keep long arrays of this process in a file from now on, if it can be."""
    global _store
    if _of_this_process() or sys.platform != "linux" or sys.maxsize < ADDRESSES:
        return
    with suppress(OSError, ValueError):  # no folder or room for files, or a limit on addresses
        folder = _folder()
        if not _is_in_memory(folder):
            _store = _Store(folder)


def empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """As ``np.empty``; a long array does not stay in memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    store = _of_this_process() if size >= LEAST else None
    start = None if store is None else store.room(size)
    if store is None or start is None:
        return np.empty(shape, dtype)
    piece = _Piece(store, start, shape, dtype)
    weakref.finalize(piece, store.give_back, start, size).atexit = False
    return np.asarray(piece)


def release() -> None:
    """Let go of the memory of all long arrays; what is looked at next comes from the file."""
    store = _of_this_process()
    if store is not None:
        store.release()


class _Piece:
    """A part of the file, as numpy takes it; lives as long as any array that looks at it."""

    def __init__(self, store: _Store, start: int, shape: tuple[int, ...], dtype: type) -> None:
        self._store = store
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "data": (store.address + start, False),
        }


class _Store:
    """A temporary file, mapped once, and its free pieces.

    Pieces have powers of two as sizes, so that those that were given back are used again.
    """

    def __init__(self, folder: str) -> None:
        self.process = os.getpid()
        self._file, name = tempfile.mkstemp(prefix="cockpit-", dir=folder)
        try:
            os.unlink(name)  # it is gone with the process
            os.ftruncate(self._file, ADDRESSES)
            self._map = mmap.mmap(self._file, ADDRESSES)
            self._map.madvise(mmap.MADV_DONTDUMP)  # else a crash would write all of it to the disk
        except BaseException:
            os.close(self._file)
            raise
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._end = 0
        self._free: dict[int, list[int]] = {}
        self._lock = threading.RLock()  # the garbage collector gives pieces back at any moment

    def room(self, size: int) -> int | None:
        """Where a piece of at least this size begins; ``None`` where the disk has no more."""
        piece = _rounded(size)
        with self._lock:
            free = self._free.setdefault(piece, [])
            if free:
                start = free.pop()
            elif self._end + piece > ADDRESSES:
                return None
            else:
                start, self._end = self._end, self._end + piece
        try:  # a full disk is noticed here; when it is written to, it would kill the process
            os.posix_fallocate(self._file, start, size)
        except OSError:
            self._empty(start, piece)  # of what it got, before it was refused the rest
            with self._lock:
                free.append(start)
            return None
        return start

    def give_back(self, start: int, size: int) -> None:
        """Nothing looks at a piece any more. In a fork, the parent may still do."""
        if self.process != os.getpid():
            return
        piece = _rounded(size)
        self._empty(start, piece)
        with self._lock:
            self._free[piece].append(start)

    def _empty(self, start: int, piece: int) -> None:
        with suppress(OSError):  # not every file system can do it
            self._map.madvise(mmap.MADV_REMOVE, start, piece)

    def release(self) -> None:
        """See :func:`release`."""
        if self._end:
            self._map.madvise(mmap.MADV_DONTNEED, 0, self._end)


def _of_this_process() -> _Store | None:
    """The store, but for that of a parent: a fork takes no room there, and gives none back."""
    return _store if _store is not None and _store.process == os.getpid() else None


def _rounded(size: int) -> int:
    return max(mmap.PAGESIZE, 1 << (size - 1).bit_length())


def _folder() -> str:
    """For large temporary files; ``/tmp`` is often kept in memory."""
    large = "/var/tmp"
    asked = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return large if not asked and os.access(large, os.W_OK) else tempfile.gettempdir()


def _is_in_memory(folder: str) -> bool:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    kinds = {mount[1]: mount[2] for mount in mounts}
    path = Path(folder).resolve()
    place = next((p for p in (path, *path.parents) if str(p) in kinds), None)
    return place is not None and kinds[str(place)] in IN_MEMORY
