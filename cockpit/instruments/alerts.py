"""What needs attention in a run: from its events, its values, and how it ended.

Levels as in aviation: a warning asks to act now, a caution to know now and act later.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cockpit.log import RunLog

LEVELS = ("warning", "caution")
SHOWN = 40  # alerts
NAMED = 4  # quantities in one alert

# kind of event: what to do about it
ADVICE = {
    "nonfinite": "Lower the learning rate, or look for a division by zero or a logarithm of zero "
    "in the model or the loss.",
    "fault": "Training goes on without this quantity. The log holds the traceback; "
    "strict=True raises instead.",
    "failed": "Look at the traceback in the terminal of the training.",
    "stalled": "Look whether the training process still runs; a killed one can be resumed into "
    "the same folder.",
}


@dataclass
class Alert:
    """One thing that needs attention.

    Attributes:
        id: Stays the same while the alert lasts.
        level: warning or caution.
        kind: What kind of event it comes from.
        quantity: The quantity it is about, if one.
        message: What is the case.
        advice: What to do.
        step: The first step it was seen at.
        last: The last one.
        count: At how many steps it was seen.
    """

    id: str
    level: str
    kind: str
    quantity: str | None
    message: str
    advice: str
    step: int | None = None
    last: int | None = None
    count: int = 1


def alerts(log: RunLog) -> list[dict[str, Any]]:
    """The alerts of a run, warnings first, then the latest first; JSON-able."""
    found: dict[str, Alert] = {}
    for event in log.events:
        # What is not finite is found in the values themselves: all of it, as one alert.
        if event.get("level") in LEVELS and event.get("kind") != "nonfinite":
            _add_event(found, event)
    ordered = sorted(
        [*_nonfinite(log), *_status(log), *found.values()],
        key=lambda a: (LEVELS.index(a.level), -(a.last if a.last is not None else -1)),
    )
    return [asdict(alert) for alert in ordered[:SHOWN]]


def _add_event(found: dict[str, Alert], event: dict[str, Any]) -> None:
    level, kind, quantity = event["level"], str(event.get("kind")), event.get("quantity")
    quantity = quantity if isinstance(quantity, str) else None
    key = f"{level}/{kind}/{quantity or ''}"
    step = event.get("step")
    known = found.get(key)
    if known is None:
        message = str(event.get("message", ""))
        advice = ADVICE.get(kind, "")
        found[key] = Alert(key, level, kind, quantity, message, advice, step, step)
        return
    known.count += 1
    if step is not None:
        known.last = step if known.last is None else max(known.last, step)


def _nonfinite(log: RunLog) -> list[Alert]:
    """One alert for all quantities with NaN or ±Inf values: they share a cause."""
    first: dict[str, int] = {}
    last, count = -1, 0
    for name in log.quantities:
        series = log.series(name)
        bad = series.step[~np.isfinite(series.value)]
        if bad.size:
            first[name] = int(bad[0])
            last, count = max(last, int(bad[-1])), max(count, bad.size)
    if not first:
        return []
    names = sorted(first, key=lambda name: first[name])
    listed = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        listed += f" and {len(names) - NAMED} more"
    message = f"{listed}: not a finite number."
    key = f"warning/nonfinite/{first[names[0]]}"
    start, advice = first[names[0]], ADVICE["nonfinite"]
    return [Alert(key, "warning", "nonfinite", None, message, advice, start, last, count)]


def _status(log: RunLog) -> list[Alert]:
    if log.status == "failed":
        said = str((log.end or {}).get("message") or "")
        message = f"The run failed: {said}" if said else "The run failed."
        return [_of_run("warning", "failed", message, log.last_step)]
    if log.status == "stalled":
        message = "The log has stopped growing, without an end."
        return [_of_run("caution", "stalled", message, log.last_step)]
    return []


def _of_run(level: str, kind: str, message: str, step: int | None) -> Alert:
    return Alert(f"{level}/{kind}/", level, kind, None, message, ADVICE[kind], step, step)
