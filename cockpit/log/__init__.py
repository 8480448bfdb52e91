"""The log of a run: typed records as JSON lines. Imports no torch."""

from __future__ import annotations

from cockpit.log.columns import Series
from cockpit.log.reader import RunLog, RunStatus
from cockpit.log.runs import find_runs
from cockpit.log.silent import SilentWriter
from cockpit.log.writer import LOG_NAME, LogWriter

__all__ = ["LOG_NAME", "LogWriter", "RunLog", "RunStatus", "Series", "SilentWriter", "find_runs"]
