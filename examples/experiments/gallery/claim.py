"""What is claimed, the numbers found, and whether they bear it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

ENOUGH_SEEDS = 3
LEVEL = 0.95

Scale = Literal["linear", "log", "atanh"]
SCALES: dict[Scale, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (np.array, np.array),
    "log": (np.log, np.exp),
    "atanh": (np.arctanh, np.tanh),
}
"""To the scale, and back."""


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
        low: Lower end; for a single value the lowest that there is.
        high: Upper end; for a single value the highest that there is.
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


def interval(
    values: Sequence[float] | np.ndarray,
    scale: Scale = "linear",
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Mean and 95 % confidence interval by Student's t.

    Args:
        values: One for each seed, shape [seeds].
        scale: On which the mean is taken: ``log`` for ratios, which are above 0, ``atanh`` for
            correlations.
        within: What a value can be, e.g. (0, 1) for a share: the ends go no further.

    Raises:
        ValueError: If there are none, or one of them is not finite, or not on the scale.
    """
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise ValueError(f"got {values!r}, expected finite numbers, at least one")
    there, back = SCALES[scale]
    with np.errstate(all="ignore"):
        line = there(found)
    if not np.isfinite(line).all():
        raise ValueError(f"got {values!r}, expected numbers that have a place on a {scale} scale")
    mean, n = float(line.mean()), found.size
    half = math.inf
    if n > 1:
        half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * line.std(ddof=1) / math.sqrt(n))
    low, high = (float(np.clip(back(end), *within)) for end in (mean - half, mean + half))
    return Interval(float(back(mean)), low, high, n)


def above(found: Interval, threshold: float) -> bool | None:
    """Whether a mean lies above a threshold; None with too few seeds, or both in the interval."""
    if found.seeds < ENOUGH_SEEDS or found.low <= threshold <= found.high:
        return None
    return found.low > threshold


def below(found: Interval, threshold: float) -> bool | None:
    """Whether a mean lies below a threshold; None where that is undecided."""
    answer = above(found, threshold)
    return None if answer is None else not answer


def both(*verdicts: bool | None) -> bool | None:
    """Whether all hold: one that does not decides, else one that is open leaves it open."""
    if False in verdicts:
        return False
    return None if None in verdicts else True
