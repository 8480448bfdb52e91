"""What is claimed, the numbers found, and whether they bear it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

ENOUGH_SEEDS = 3
LEVEL = 0.95


@dataclass(frozen=True)
class Claim:
    """A sentence that may turn out wrong, and what was found.

    Attributes:
        text: What is claimed, with the threshold at which it fails.
        found: The numbers found, with their interval over seeds, in words.
        holds: Whether they bear it out; None: undecided.
    """

    text: str
    found: str
    holds: bool | None


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its 95 % confidence interval.

    Attributes:
        mean: Of the values.
        low: Lower end; −∞ for a single value.
        high: Upper end; ∞ for a single value.
        seeds: Number of values.
    """

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        if self.seeds == 1:
            return f"{self.mean:.3g} (1 seed)"
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g}, {self.seeds} seeds)"


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Mean and 95 % confidence interval by Student's t.

    Args:
        values: One for each seed, shape [seeds].

    Raises:
        ValueError: If there are none, or one of them is not finite.
    """
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise ValueError(f"got {values!r}, expected finite numbers, at least one")
    mean, n = float(found.mean()), found.size
    if n == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * found.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def above(found: Interval, threshold: float) -> bool | None:
    """Whether a mean lies above a threshold; None with too few seeds, or both in the interval."""
    if found.seeds < ENOUGH_SEEDS or found.low <= threshold <= found.high:
        return None
    return found.low > threshold


def below(found: Interval, threshold: float) -> bool | None:
    """Whether a mean lies below a threshold; None where that is undecided."""
    answer = above(found, threshold)
    return None if answer is None else not answer
