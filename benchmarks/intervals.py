"""What each configuration costs, by the distance of tracked steps (figures 7.6b, C.8–C.10).

A window that would take too long is computed: a tracked step costs the same whether 4 or 256
steps pass until the next one.
"""

from __future__ import annotations

from typing import Any

from benchmarks.loop import Effort, Loop, Ratio, told
from cockpit import Configuration
from cockpit.quantities import Tier
from cockpit.schedules import never

CONFIGURATIONS = ("economy", "business", "full")
IDLE = "attached, not tracked"
INTERVALS = (1, 4, 16, 64, 256)

# The most that is allowed at interval 1; for the networks that have a limit.
LIMITS = {
    "economy": {"logreg": 6, "MLP": 2.5, "2c2d": 2.2, "3c3d": 2.0, "TF": 1.8},
    "business": {"logreg": 10, "MLP": 4, "2c2d": 4, "3c3d": 4, "TF": 4},
    "full": {"logreg": 30, "MLP": 14, "2c2d": 14, "3c3d": 12, "TF": 12},
    IDLE: {"logreg": 1.10, "MLP": 1.02, "2c2d": 1.02, "3c3d": 1.02, "TF": 1.02},
}


def computed(ratio: float, interval: int, idle: float, wanted: int) -> float:
    """The ratio at another interval.

    Args:
        ratio: Measured with one tracked step in ``interval``, which is above 1: tracked steps in a
            row share work.
        interval: See there.
        idle: The ratio of a step that is not tracked.
        wanted: The other interval.
    """
    return idle + (ratio - idle) * interval / wanted


def absent(tier: Tier, found: Ratio) -> str:
    """What is missing in the records, so that nobody takes it for cheap; empty if nothing is."""
    wanted = [quantity.name for quantity in Configuration(tier).quantities()]
    missing = [name for name in wanted if name not in found.recorded]
    return f"{', '.join(missing)}: {found.reasons}" if missing else ""


def measure(name: str, loop: Loop, effort: Effort) -> list[dict[str, Any]]:
    """A row for each configuration and interval, and one for a cockpit that tracks nothing."""
    place = {"network": name, "device": loop.device, "plain_ms": 1e3 * loop.plain}

    def row(configuration: str, interval: int | None, **values: Any) -> dict[str, Any]:
        limit = LIMITS[configuration].get(name) if interval in (1, None) else None
        where = {"configuration": configuration, "interval": interval, "limit": limit}
        return {**place, **where, **values}

    idle = loop.compare(lambda _: Configuration("economy", schedule=never), 1, effort)
    rows = [row(IDLE, None, **told(idle))]
    for tier in CONFIGURATIONS:
        last = {}
        for interval in INTERVALS:
            if interval <= 4 or interval * loop.plain <= effort.window:
                found = loop.compare(lambda w, tier=tier: Configuration(tier, w), interval, effort)
                last = told(found)
                rows.append(row(tier, interval, absent=absent(tier, found), **last))
                measured = interval
            else:
                rest = {
                    key: computed(last[key], measured, idle.ratio, interval)
                    for key in ("ratio", "low", "high")
                }
                rows.append(row(tier, interval, **rest, computed_from=measured))
    return rows
