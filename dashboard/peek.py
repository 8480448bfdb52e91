"""What the run picker says of a run, from the last lines of its log: cheap for any size."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAIL_BYTES = 1 << 18
KINDS = ("header", "step", "user", "event", "end")


@dataclass(frozen=True)
class Glance:
    """A run at a glance.

    Attributes:
        status: open (no end record), finished, failed, interrupted, or empty (no record yet).
        step: The last step that the tail of the log tells, if any.
        changed: When the log last grew, unix seconds.
    """

    status: str
    step: int | None
    changed: float


def glance(path: Path) -> Glance:
    """Look at the tail of a log file.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        file.seek(max(0, stat.st_size - TAIL_BYTES))
        lines = file.read(TAIL_BYTES).split(b"\n")
    status, step = "", None
    for line in reversed(lines[:-1]):  # what follows the last newline is not complete
        record = _record(line)
        kind = record.get("type")
        if not status and kind in KINDS:
            status = _status(record)
        if kind == "step" and isinstance(record.get("step"), int):
            step = record["step"]
            break
    if not status:  # a record longer than the tail is there all the same
        status = "open" if stat.st_size > TAIL_BYTES else "empty"
    return Glance(status, step, stat.st_mtime)


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _status(record: dict[str, Any]) -> str:
    if record["type"] != "end":
        return "open"
    status = record.get("status")
    return status if status in ("finished", "failed", "interrupted") else "interrupted"
