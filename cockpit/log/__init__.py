"""The log of a run: typed records as JSON lines. Imports no torch."""

from __future__ import annotations

from cockpit.log.writer import LogWriter

__all__ = ["LogWriter"]
