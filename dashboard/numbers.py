"""The table of numbers beside an instrument in full screen, and in the view of the record."""

from __future__ import annotations

from typing import Any

from cockpit.instruments import Instrument, View
from cockpit.instruments.record_table import COUNTED, record_rows, select
from cockpit.log import RunLog

SHOWN = 400  # rows; a browser slows down with more, and nobody reads them


def numbers(
    log: RunLog, view: View, instrument: Instrument | None, search: str = ""
) -> dict[str, Any]:
    """The numbers as of the view's step, JSON-able.

    Args:
        log: The run.
        view: Its step counts.
        instrument: Only what it shows; ``None``: the whole record.
        search: Words that all rows contain.
    """
    record = log.record(view.step)
    rows, count = select(record_rows(log, view.step, instrument), search, SHOWN)
    return {
        "step": record["step"] if record else None,
        "count": count,
        "more": count >= COUNTED,
        "rows": [row.cells() for row in rows],
    }
