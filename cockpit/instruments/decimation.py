"""Fewer points for the same picture: extremes are kept."""

from __future__ import annotations

import numpy as np


def _starts(length: int, count: int) -> np.ndarray:
    """Where each of at most ``count`` equally long stretches begins; the last may be shorter."""
    return np.arange(0, length, -(-length // count))


def _middles(x: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Middle of each stretch; the first and the last position are those of ``x``."""
    middle = 0.5 * (x[starts] + x[np.append(starts[1:] - 1, len(x) - 1)])
    middle[0], middle[-1] = x[0], x[-1]
    return middle


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
    count = (max_points - 2) // 2
    width, last = -(-len(y) // count), len(y) - 1
    padded = np.full(count * width, np.nan)
    padded[: len(y)] = y
    rows = padded.reshape(count, width)
    starts = np.arange(count) * width
    low = np.where(np.isfinite(rows), rows, np.inf).argmin(axis=1) + starts
    high = np.where(np.isfinite(rows), rows, -np.inf).argmax(axis=1) + starts
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
    finite = np.where(np.isfinite(y), y, np.nan)
    if len(y) <= max_points:
        return x, finite, finite
    starts = _starts(len(y), max_points)
    low, high = np.fmin.reduceat(finite, starts), np.fmax.reduceat(finite, starts)
    return _middles(x, starts), low, high


def averages(x: np.ndarray, y: np.ndarray, max_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the finite values of ``max_points`` equally long stretches.

    Args:
        x: Positions, shape [T], increasing.
        y: Values, shape [T]; may hold NaN.
        max_points: Number of stretches.

    Returns:
        The stretches' middle positions, and means; NaN where nothing is finite. The first and the
        last position are those of ``x``. The inputs themselves if they are short enough.
    """
    if len(y) <= max_points:
        return x, y
    starts = _starts(len(y), max_points)
    finite = np.isfinite(y)
    sums = np.add.reduceat(np.where(finite, y, 0.0), starts)
    counts = np.add.reduceat(finite, starts, dtype=np.int64)
    return _middles(x, starts), np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
