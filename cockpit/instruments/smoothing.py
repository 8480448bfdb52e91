"""Smoothing of noisy series, without lag."""

from __future__ import annotations

import numpy as np

AUTOMATIC_FROM = 60  # fewer points are shown as they are
NEIGHBORS_ON_LOG = 8  # on a logarithmic axis a value's neighbors span a quarter of its position
AUTOMATIC_PARTS = 40  # automatic smoothing looks at 1/40 of the run to each side


def smoothing_radius(length: int, smoothing: float | None) -> int:
    """Number of neighbors to each side that a smoothed value averages.

    Args:
        length: Number of points.
        smoothing: 0 (none) to below 1 (all); ``None`` chooses gently by the length.
    """
    if smoothing is None:
        return 0 if length < AUTOMATIC_FROM else max(2, length // AUTOMATIC_PARTS)
    # Cubed, so that a slider has as much room for gentle as for strong smoothing.
    return round(0.5 * smoothing**3 * length)


def radii_on_log_axis(length: int, radius: int) -> np.ndarray:
    """Radii that grow with the position, so that a logarithmic axis is smoothed evenly.

    Args:
        length: Number of points.
        radius: The largest of them.

    Returns:
        int64, shape [length].
    """
    return np.minimum(radius, np.arange(length) // NEIGHBORS_ON_LOG)


def _box(y: np.ndarray, radius: int | np.ndarray) -> np.ndarray:
    """Mean of the finite values at most ``radius`` away, of fewer at the start."""
    at = np.arange(len(y))
    # Nearly symmetric at the start, where averaging ahead would flatten a steep beginning.
    ahead = np.minimum(radius, np.maximum(at, radius // 4))
    low, high = np.maximum(at - radius, 0), np.minimum(at + ahead, len(y) - 1) + 1
    finite = np.isfinite(y)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, y, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    number = counts[high] - counts[low]
    return np.where(number > 0, (sums[high] - sums[low]) / np.maximum(number, 1), np.nan)


def smooth(y: np.ndarray, radius: int | np.ndarray) -> np.ndarray:
    """Average over neighbors, twice (a triangular window), centered: no lag.

    Args:
        y: Values, shape [T]; non-finite ones are left out and stay gaps (NaN).
        radius: Neighbors to each side, for all values or for each; 0 leaves them as they are.

    Returns:
        Smoothed values, shape [T].
    """
    gaps = ~np.isfinite(y)
    result = np.where(gaps, np.nan, y)
    if np.any(np.asarray(radius) > 0):
        half = np.where(np.asarray(radius) > 0, np.maximum(1, np.asarray(radius) // 2), 0)
        result = _box(_box(result, half), half)
    return np.where(gaps, np.nan, result)
