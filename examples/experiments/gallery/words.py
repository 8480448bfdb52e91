"""Intervals over seeds in words, where a plain number would not be read at a glance."""

from __future__ import annotations

from examples.experiments.gallery.claim import Interval


def percent(found: Interval) -> str:
    """A share, in percent."""
    return f"{found.mean:.2%} ({found.low:.2%} to {found.high:.2%}, {_seeds(found)})"


def points(found: Interval) -> str:
    """A difference of two shares, in percentage points."""
    mean, low, high = (100 * x for x in (found.mean, found.low, found.high))
    return f"{mean:.1f} points ({low:.1f} to {high:.1f}, {_seeds(found)})"


def times(found: Interval) -> str:
    """A ratio, of its decimal logarithm."""
    mean, low, high = (10**x for x in (found.mean, found.low, found.high))
    return f"{mean:.3g} × ({low:.3g} to {high:.3g}, {_seeds(found)})"


def _seeds(found: Interval) -> str:
    return f"{found.seeds} seed{'s' * (found.seeds > 1)}"
