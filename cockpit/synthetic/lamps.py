"""Lines of lamps for made-up runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.lamps import get

__all__ = ["SHOWN", "lamp_line"]


def lamp_line(lamp: str, step: int, state: str = "on", **fields: Any) -> dict[str, Any]:
    """What a log says of a lamp at a step; what is not given is made up.

    Args:
        lamp: Its name.
        step: At which it changes.
        state: ``on``, ``update`` or ``off``.
        fields: Of ``docs/log.md``.

    Raises:
        UnknownLampError: If there is no such lamp.
    """
    known = get(lamp)
    return {
        "step": step,
        "lamp": lamp,
        "state": state,
        "level": known.level,
        "since": step,
        "evidence": f"Made up: 3.2 at step {step} (over 1).",
        "numbers": {"value": 3.2, "threshold": 1.0},
        "layers": [],
        "cause": None,
        "suggestion": None,
        **fields,
    }


def _shown() -> tuple[Mapping[str, Any], ...]:
    """Something of everything: a cause and its consequence, one that goes out, one that grows."""
    rate, input_ = "learning_rate_too_large", "nonfinite_input"
    lower = {"change": "lr", "factor": 1 / 3, "value": None, "layers": []}
    return (
        lamp_line(rate, 60, level="caution", suggestion=lower),
        lamp_line(rate, 80, "update", since=60, suggestion=lower),
        lamp_line(rate, 120, "off", since=60, suggestion=lower),
        lamp_line(input_, 150, layers=["0.weight"]),
        lamp_line(rate, 160, cause=input_, suggestion=lower),
    )


SHOWN = _shown()
"""For a run of 200 steps: a caution that becomes a warning and goes out; a warning that stays, with
a consequence of it."""
