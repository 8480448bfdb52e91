"""The table of runs: what each is and did, and in which settings they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.dashboard.peek import Glance

MOST_COLUMNS = 12  # of settings


@dataclass(frozen=True)
class Row:
    """What is known of one run.

    Attributes:
        name: Of the run.
        status: How it stands.
        seen: From the end of its log.
        settings: From the beginning of its log.
    """

    name: str
    status: str
    seen: Glance
    settings: dict[str, str]


def table(rows: Sequence[Row]) -> dict[str, Any]:
    """The table as JSON-able data: the ``columns`` of settings, how many ``more``, the ``rows``."""
    settings = [_settings(row) for row in rows]
    differing = differences(settings)
    columns = differing[:MOST_COLUMNS]
    return {
        "columns": columns,
        "more": len(differing) - len(columns),
        "rows": [
            {
                "name": row.name,
                "status": row.status,
                "step": row.seen.step,
                "duration": row.seen.duration,
                "overhead": row.seen.overhead,
                "loss": row.seen.loss,
                "changed": round(row.seen.changed),
                "settings": [values.get(column, "") for column in columns],
            }
            for row, values in zip(rows, settings, strict=True)
        ],
    }


def differences(settings: Sequence[dict[str, str]]) -> list[str]:
    """Names of the settings that not all runs have alike, in order of appearance.

    A run of which nothing is known (its log has just begun) does not count.
    """
    known = [one for one in settings if one]
    names = dict.fromkeys(name for one in known for name in one)
    return [name for name in names if len({one.get(name) for one in known}) > 1]


def _settings(row: Row) -> dict[str, str]:
    size = row.seen.batch_size
    return row.settings if size is None else {**row.settings, "batch size": f"{size}"}
