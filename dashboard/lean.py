"""Figures without what the page can make itself."""

from __future__ import annotations

from typing import Any


def lean(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure whose heat maps of named rows have no names and values by cell.

    They are most of its bytes. The page has the names once, in ``meta``, and the values from the
    colors and their scale (``assets/52_rows.js``).
    """
    return {**figure, "data": [_trace(trace) for trace in figure["data"]]}


def _trace(trace: dict[str, Any]) -> dict[str, Any]:
    if not trace.get("meta", {}).get("rows"):
        return trace
    return {key: value for key, value in trace.items() if key not in ("text", "customdata")}
