"""What the lists of runs say of a run, from the last lines of its log: cheap for any size."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAIL_BYTES = 1 << 18
LARGEST = 1e300  # a number that is larger is not one (JSON allows any)
KINDS = ("header", "step", "user", "event", "end")


@dataclass(frozen=True)
class Glance:
    """A run at a glance.

    Attributes:
        status: open (no end record), finished, failed, interrupted, or empty (no record yet).
        step: The last step that the tail of the log tells, if any.
        changed: When the log last grew, unix seconds.
        duration: Seconds from the start of the latest attempt to that step.
        overhead: What tracking has cost so far, relative to the training itself.
        loss: The mini-batch loss of that step; what is not finite as the log writes it.
        batch_size: Samples of that step.
    """

    status: str
    step: int | None
    changed: float
    duration: float | None = None
    overhead: float | None = None
    loss: float | str | None = None
    batch_size: int | None = None


def glance(path: Path) -> Glance:
    """Look at the tail of a log file.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        file.seek(max(0, stat.st_size - TAIL_BYTES))
        lines = file.read(TAIL_BYTES).split(b"\n")
    status = ""
    last: dict[str, Any] = {}
    for line in reversed(lines[:-1]):  # what follows the last newline is not complete
        record = _record(line)
        kind = record.get("type")
        if not status and kind in KINDS:
            status = _status(record)
        if kind == "step" and isinstance(record.get("step"), int):
            last = record
            break
    if not status:  # a record longer than the tail is there all the same
        status = "open" if stat.st_size > TAIL_BYTES else "empty"
    loss = _inner(_inner(last, "values"), "Loss").get("value")
    return Glance(
        status,
        last.get("step"),
        stat.st_mtime,
        duration=_number(last.get("time")),
        overhead=_overhead(_inner(last, "overhead")),
        loss=loss if loss in ("NaN", "Infinity", "-Infinity") else _number(loss),
        batch_size=last.get("batch_size") if isinstance(last.get("batch_size"), int) else None,
    )


def _inner(record: dict[str, Any], key: str) -> dict[str, Any]:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _overhead(seconds: dict[str, Any]) -> float | None:
    """Of the whole run where the log has it; else of the step."""
    step, tracking = _number(seconds.get("step_s")), _number(seconds.get("tracking_s"))
    of_step = tracking / step if tracking is not None and step else None
    return _number(seconds.get("run", of_step))


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < LARGEST else None


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
