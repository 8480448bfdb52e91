"""Fewer points for the same picture: extremes are kept."""

from __future__ import annotations

import numpy as np


def _buckets(y: np.ndarray, count: int) -> np.ndarray:
    """``y`` cut into ``count`` rows of equal length, padded with NaN at the end."""
    width = -(-len(y) // count)
    padded = np.full(count * width, np.nan)
    padded[: len(y)] = y
    return padded.reshape(count, width)


def decimate(x: np.ndarray, y: np.ndarray, max_points: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``max_points`` of the points (x, y), such that no peak is lost.

    Keeps the smallest and the largest finite value of each of equally long stretches, in their
    order, and both ends. A stretch without a finite value keeps one NaN, so that a line still
    breaks there.

    Args:
        x: Positions, shape [T].
        y: Values, shape [T]; may hold NaN.
        max_points: Upper bound of the result's length; at least 4.

    Returns:
        Selected positions and values; the inputs themselves if they are short enough.

    Raises:
        ValueError: If ``max_points < 4``.
    """
    if max_points < 4:
        raise ValueError(f"decimate needs max_points >= 4, got {max_points}.")
    if len(y) <= max_points:
        return x, y
    rows = _buckets(y, (max_points - 2) // 2)
    starts = np.arange(len(rows)) * rows.shape[1]
    low = np.where(np.isfinite(rows), rows, np.inf).argmin(axis=1) + starts
    high = np.where(np.isfinite(rows), rows, -np.inf).argmax(axis=1) + starts
    last = len(y) - 1
    index = np.unique(np.concatenate([[0], np.minimum(low, last), np.minimum(high, last), [last]]))
    return x[index], y[index]


def envelope(
    x: np.ndarray, y: np.ndarray, max_points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smallest and largest finite value of ``max_points`` equally long stretches.

    Args:
        x: Positions, shape [T], increasing.
        y: Values, shape [T]; may hold NaN.
        max_points: Number of stretches.

    Returns:
        The stretches' middle positions, minima and maxima; NaN where nothing is finite.
        The first and the last position are those of ``x``.
    """
    if len(y) <= max_points:
        finite = np.where(np.isfinite(y), y, np.nan)
        return x, finite, finite
    rows = _buckets(y, max_points)
    positions = _buckets(x, max_points)
    filled = ~np.isnan(positions).all(axis=1)
    rows, positions = rows[filled], positions[filled]
    finite = np.isfinite(rows)
    none = ~finite.any(axis=1)
    low = np.where(finite, rows, np.inf).min(axis=1)
    high = np.where(finite, rows, -np.inf).max(axis=1)
    low[none] = high[none] = np.nan
    middle = 0.5 * (positions[:, 0] + np.nanmax(positions, axis=1))
    middle[0], middle[-1] = x[0], x[-1]
    return middle, low, high
