"""Room for long arrays that need not stay in memory: in a temporary file, on Linux.

A page that is open for a night on a run of a million steps keeps hundreds of megabytes of numbers.
They are mapped from a file that has no name, so the system may drop what is not looked at, and
:func:`release` tells it to. Where there is no such file, arrays are ordinary ones.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
import threading
import weakref
from functools import cache

import numpy as np

__all__ = ["empty", "release"]

LEAST = 2**16  # bytes; smaller arrays stay in memory
ADDRESSES = 2**38  # bytes of addresses that are set aside; the file takes what is used


def empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """As ``np.empty``; a long array does not stay in memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    store = _store(os.getpid()) if size >= LEAST else None
    address = None if store is None else store.room(size)
    if store is None or address is None:
        return np.empty(shape, dtype)
    piece = _Piece(address, shape, dtype)
    weakref.finalize(piece, store.give_back, address, size).atexit = False
    return np.asarray(piece)


def release() -> None:
    """Let go of the memory of all long arrays; what is looked at next comes from the file."""
    store = _store(os.getpid())
    if store is not None:
        store.release()


class _Piece:
    """Memory at an address, as numpy takes it; lives as long as any array that looks at it."""

    def __init__(self, address: int, shape: tuple[int, ...], dtype: type) -> None:
        kind = np.dtype(dtype).str
        self.__array_interface__ = {
            "version": 3, "shape": shape, "typestr": kind, "data": (address, False)
        }  # fmt: skip


class _Store:
    """A temporary file, mapped once, and its free pieces.

    Sizes are powers of two, so that pieces that were given back are used again.
    """

    def __init__(self) -> None:
        self._file, name = tempfile.mkstemp(prefix="cockpit-")
        os.unlink(name)  # it is gone with the process
        os.ftruncate(self._file, ADDRESSES)
        self._map = mmap.mmap(self._file, ADDRESSES)
        self._first = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._end = 0
        self._free: dict[int, list[int]] = {}
        self._lock = threading.RLock()  # a piece may be given back at any moment

    def room(self, size: int) -> int | None:
        """Address of a piece of at least this size; ``None`` where the disk has no more."""
        size = _rounded(size)
        with self._lock:
            free = self._free.setdefault(size, [])
            start = free[-1] if free else self._end
            if start + size > ADDRESSES:
                return None
            try:  # now, as a full disk would kill the process when it is written to
                os.posix_fallocate(self._file, start, size)
            except OSError:
                return None
            if free:
                free.pop()
            else:
                self._end += size
        return self._first + start

    def give_back(self, address: int, size: int) -> None:
        """Nothing looks at a piece any more."""
        start, size = address - self._first, _rounded(size)
        self._map.madvise(mmap.MADV_REMOVE, start, size)
        with self._lock:
            self._free[size].append(start)

    def release(self) -> None:
        """See :func:`release`."""
        if self._end:
            self._map.madvise(mmap.MADV_DONTNEED, 0, self._end)


def _rounded(size: int) -> int:
    return max(mmap.PAGESIZE, 1 << (size - 1).bit_length())


@cache
def _store(process: int) -> _Store | None:
    """Of this process: a fork must not write into the file of its parent."""
    if sys.platform != "linux" or sys.maxsize < ADDRESSES:
        return None
    try:
        return _Store()
    except (OSError, ValueError):  # no room for temporary files, or limits on addresses
        return None
