"""A lock on an open file: one writer per log.

The lock belongs to the open file itself, so it needs no second file, and the system releases it
when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import sys

_REFUSED = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    _FAR = 1 << 40  # Windows locks bytes against reading too: lock one that never exists

    def _acquire(fd: int) -> None:
        position = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, position, os.SEEK_SET)

else:
    import fcntl

    def _acquire(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(fd: int) -> bool:
    """Lock the open file for this writer alone.

    Args:
        fd: Descriptor of the file, open for writing. Closing it releases the lock.

    Returns:
        True if locked, False if the file system knows no locks (some network file systems).

    Raises:
        BlockingIOError: If another descriptor, here or in another process, holds the lock.
    """
    try:
        _acquire(fd)
    except OSError as error:
        if error.errno in _REFUSED:
            raise BlockingIOError(error.errno, "locked by another writer") from error
        return False
    return True
