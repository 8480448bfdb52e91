"""The log of a process that writes none, because another one of the same run does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.log.writer import LOG_NAME

__all__ = ["SilentWriter"]


class SilentWriter:
    """Takes all records of a :class:`~cockpit.log.LogWriter` and keeps none.

    Args:
        run_dir: Folder of the run.

    Attributes:
        path: The log that another process writes.
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / LOG_NAME

    def ignore(self, *_: Any, **__: Any) -> None:
        """Take a record."""

    step = user = lamp = event = end = append = close = ignore
    step_line = user_line = ignore
