"""Fewer points for the same picture: extremes are kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cockpit.instruments.panel import Scale


def _buckets(y: np.ndarray, count: int) -> np.ndarray:
    """``y`` cut into ``count`` rows of equal length, padded with NaN at the end."""
    width = -(-len(y) // count)
    padded = np.full(count * width, np.nan)
    padded[: len(y)] = y
    return padded.reshape(count, width)


def stretches(x: np.ndarray, count: int, scale: Scale = "linear") -> np.ndarray:
    """Bounds of at most ``count`` stretches, as indices: equally long, or wide on a log axis.

    Args:
        x: Positions, shape [T > 0], increasing; positive where the scale is logarithmic.
        count: Upper bound of the number of stretches.
        scale: Of the axis.

    Returns:
        int64, increasing from 0 to T.
    """
    if scale != "log":
        return np.linspace(0, len(x), min(count, len(x)) + 1).astype(int)
    at = np.log10(x)
    inner = np.searchsorted(at, np.linspace(at[0], at[-1], count + 1)[1:-1])
    return np.unique(np.concatenate([[0], inner, [len(x)]]))


def _extremes(x: np.ndarray, y: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the smallest and the largest finite value of each stretch of a log axis."""
    bounds = stretches(x, count, "log")
    parts = list(pairwise(bounds.tolist()))
    below, above = (np.where(np.isfinite(y), y, end) for end in (np.inf, -np.inf))
    low = np.array([start + int(below[start:end].argmin()) for start, end in parts])
    high = np.array([start + int(above[start:end].argmax()) for start, end in parts])
    return low, high


def decimate(
    x: np.ndarray, y: np.ndarray, max_points: int, scale: Scale = "linear"
) -> tuple[np.ndarray, np.ndarray]:
    """At most ``max_points`` of the points (x, y), such that no peak is lost.

    Keeps the smallest and the largest finite value of each of equally long (on a logarithmic axis:
    equally wide) stretches, in their order, and both ends. A stretch without a finite value keeps
    one NaN, so that a line still breaks there.

    Args:
        x: Positions, shape [T].
        y: Values, shape [T]; may hold NaN.
        max_points: Upper bound of the result's length; at least 4.
        scale: Of the axis of ``x``.

    Returns:
        Selected positions and values; the inputs themselves if they are short enough.

    Raises:
        ValueError: If ``max_points < 4``.
    """
    if max_points < 4:
        raise ValueError(f"decimate needs max_points >= 4, got {max_points}.")
    if len(y) <= max_points:
        return x, y
    if scale == "log":
        low, high = _extremes(x, y, (max_points - 2) // 2)
    else:
        rows = _buckets(y, (max_points - 2) // 2)
        starts = np.arange(len(rows)) * rows.shape[1]
        low = np.where(np.isfinite(rows), rows, np.inf).argmin(axis=1) + starts
        high = np.where(np.isfinite(rows), rows, -np.inf).argmax(axis=1) + starts
    last = len(y) - 1
    index = np.unique(np.concatenate([[0], np.minimum(low, last), np.minimum(high, last), [last]]))
    return x[index], y[index]


def envelope(
    x: np.ndarray, y: np.ndarray, max_points: int, scale: Scale = "linear"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smallest and largest finite value of ``max_points`` equally long stretches.

    On a logarithmic axis they are equally wide, and as many as have a value.

    Args:
        x: Positions, shape [T], increasing.
        y: Values, shape [T]; may hold NaN.
        max_points: Number of stretches.
        scale: Of the axis of ``x``.

    Returns:
        The stretches' middle positions, minima and maxima; NaN where nothing is finite.
        The first and the last position are those of ``x``.
    """
    if len(y) <= max_points:
        finite = np.where(np.isfinite(y), y, np.nan)
        return x, finite, finite
    if scale == "log":
        return _log_envelope(x, y, max_points)
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


def _log_envelope(
    x: np.ndarray, y: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = _extremes(x, y, count)
    bounds = stretches(x, count, "log")
    middle = np.sqrt(x[bounds[:-1]] * x[bounds[1:] - 1])
    middle[0], middle[-1] = x[0], x[-1]
    known = np.isfinite(y[low])
    return middle, np.where(known, y[low], np.nan), np.where(known, y[high], np.nan)
