"""Curves of what the user logged with ``cockpit.log(step, name=value)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cockpit.instruments.history import Curve, series_style

if TYPE_CHECKING:
    from cockpit.log import RunLog


def user_curves(log: RunLog, wanted: Callable[[str], bool], first: int = 0) -> list[Curve]:
    """One curve for each wanted name, measured values as they are (not smoothed).

    Args:
        log: The run.
        wanted: Whether a name is shown.
        first: How many curves the panel has already, for the colors.
    """
    curves: list[Curve] = []
    for name in sorted((n for n in log.user_names if wanted(n)), key=_training_first):
        series = log.user_series(name)
        role, dash = series_style(first + len(curves))
        curve = Curve(series.step, series.value, name, role, dash, smoothed=False, dotted=True)
        curves.append(curve)
    return curves


def _training_first(name: str) -> tuple[int, str]:
    """Training before validation before test before all others."""
    lower = name.lower()
    for place, stems in enumerate((("train",), ("val", "dev"), ("test",))):
        if any(stem in lower for stem in stems):
            return place, name
    return 3, name
