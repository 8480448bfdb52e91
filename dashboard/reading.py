"""The log of a run that is being looked at: of a long one at once an overview, then all of it."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path

from cockpit.log import RunLog, spill

SLICE_S = 0.25
MOST_BYTES = 4 * 2**30  # of a log; a longer one would fill the memory, and stays an overview


class Reading:
    """Reads a log; where that takes long, in the background.

    Args:
        path: The log file.
        stalled_after: As of :class:`~cockpit.log.RunLog`.

    Attributes:
        log: What was read.

    Raises:
        FileNotFoundError: If there is no log.
    """

    def __init__(self, path: Path, stalled_after: float) -> None:
        options = {"stalled_after": stalled_after}
        self.log = RunLog(path, overview=True, **options)
        self._whole: RunLog | None = None
        self._share = 0.0
        if self.log.is_overview and path.stat().st_size <= MOST_BYTES:
            known = (weakref.ref(self), path, options)
            threading.Thread(target=_read_whole, args=known, daemon=True).start()

    def refresh(self) -> bool:
        """Read on; returns whether anything is new."""
        if self._whole is not None:
            self.log, self._whole = self._whole, None
            self.log.refresh(SLICE_S)
            return True
        return self.log.refresh(SLICE_S)

    @property
    def share(self) -> float | None:
        """How much is read so far, in tenths, while ``log`` is an overview; None: it is no more."""
        return int(10 * self._share) / 10 if self.log.is_overview else None


def _read_whole(owner: weakref.ref[Reading], path: Path, options: dict[str, float]) -> None:
    """Read all of a log, as long as somebody looks at it."""
    try:
        log = RunLog(path, read=False, **options)
    except OSError:  # it has just vanished
        return
    while (reading := owner()) is not None:
        log.refresh(SLICE_S)
        spill.release()
        reading._share = log.share_read
        if not log.has_more:
            for name in log.quantities:
                log.series(name)  # makes the arrays, while nobody waits for them
            reading._whole = log
            return
        del reading
