"""The ``lamp`` lines of a log, as readers get them: every field there, and of its type."""

from __future__ import annotations

import math
from typing import Any

from cockpit.log.parse import as_dict, as_float, as_int, as_list

__all__ = ["clean_lamp"]

STATES = ("on", "update", "off")
LEVELS = ("warning", "caution", "advisory")


def clean_lamp(record: dict[str, Any]) -> dict[str, Any] | None:
    """What a line says of a lamp; ``None`` if it can't be told which one, when, or what.

    Args:
        record: As it was read.
    """
    step, name, state = as_int(record.get("step")), record.get("lamp"), record.get("state")
    if step is None or not isinstance(name, str) or state not in STATES:
        return None
    level, since, cause = record.get("level"), as_int(record.get("since")), record.get("cause")
    time = as_float(record.get("time"))
    numbers = {key: as_float(value) for key, value in as_dict(record.get("numbers")).items()}
    return {
        "step": step,
        "time": time if time is not None and math.isfinite(time) else 0.0,
        "lamp": name,
        "state": state,
        "level": level if level in LEVELS else "advisory",
        "since": step if since is None else since,
        "evidence": str(record.get("evidence") or ""),
        "numbers": {key: value for key, value in numbers.items() if value is not None},
        "layers": [str(layer) for layer in as_list(record.get("layers"))],
        "cause": cause if isinstance(cause, str) else None,
        "suggestion": _suggestion(as_dict(record.get("suggestion"))),
    }


def _suggestion(fields: dict[str, Any]) -> dict[str, Any] | None:
    change = fields.get("change")
    if not isinstance(change, str):
        return None
    return {
        "change": change,
        "factor": as_float(fields.get("factor")),
        "value": as_float(fields.get("value")),
        "layers": [str(layer) for layer in as_list(fields.get("layers"))],
    }
