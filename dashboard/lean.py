"""Traces without what the page can make itself."""

from __future__ import annotations

from typing import Any


def lean(trace: dict[str, Any]) -> dict[str, Any]:
    """A heat map of named rows without names and values by cell; any other trace as it is.

    They are most of its bytes. The page has the names once, in ``meta``, and the values from the
    colors and their scale (``assets/52_rows.js``).
    """
    if not trace.get("meta", {}).get("rows"):
        return trace
    return {key: value for key, value in trace.items() if key not in ("text", "customdata")}
