"""What a run was started with, from the first line of its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD_BYTES = 1 << 20  # a header of thousands of layers
MOST_SETTINGS = 200
LONGEST = 80  # characters of a value
PARTS = ("optimizer", "config", "environment", "reduction")  # of a header, in this order
NAMES = {"config.name": "configuration", "optimizer.name": "optimizer"}
PREFIXES = ("optimizer.groups.0.", "optimizer.", "config.", "environment.")


def settings(path: Path) -> dict[str, str]:
    """The settings in a log's first header, by name, as texts; none where it cannot be read.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        line, newline, _ = file.read(HEAD_BYTES).partition(b"\n")
    try:
        header = json.loads(line) if newline else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(header, dict) or header.get("type") != "header":
        return {}
    found: dict[str, str] = {}
    for part in PARTS:
        for key, value in _leaves(part, header.get(part)):
            if len(found) < MOST_SETTINGS:
                found.setdefault(_name(key), value)
    return found


def _leaves(key: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Each plain value below ``value`` with its dotted key."""
    if depth > 6:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner, depth + 1)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for place, inner in enumerate(value):
            yield from _leaves(f"{key}.{place}", inner, depth + 1)
    elif value is not None:
        yield key, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)[:LONGEST]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (f"{value:.6g}" if isinstance(value, float) else str(value))[:LONGEST]


def _name(key: str) -> str:
    """A key as people read it: ``optimizer.groups.0.lr`` is ``lr``."""
    if key in NAMES:
        return NAMES[key]
    prefix = next((p for p in PREFIXES if key.startswith(p)), "")
    return key.removeprefix(prefix).replace("_", " ")[:LONGEST]
