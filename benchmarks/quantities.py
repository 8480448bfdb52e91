"""What each quantity costs by itself, tracked at each step (figures 7.6a, C.6, C.7)."""

from __future__ import annotations

from typing import Any

from benchmarks.loop import Effort, Loop, told
from cockpit.quantities import QUANTITIES


def measure(name: str, loop: Loop, effort: Effort) -> list[dict[str, Any]]:
    """A row for each of the quantities."""
    rows = []
    for quantity, kind in QUANTITIES.items():
        ratio = loop.compare(lambda windows, kind=kind: [kind(windows)], 1, effort)
        row = {"network": name, "device": loop.device, "quantity": quantity}
        row |= {"tier": kind.tier or "on request", "plain_ms": 1e3 * loop.plain, **told(ratio)}
        if quantity not in ratio.recorded:
            row["absent"] = ratio.reasons or "nothing was recorded"
        rows.append(row)
    return rows
