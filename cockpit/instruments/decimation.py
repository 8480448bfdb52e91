"""Fewer points for the same picture: extremes are kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cockpit.instruments.panel import Scale


def _starts(length: int, count: int) -> np.ndarray:
    """Where each of at most ``count`` equally long stretches begins; the last may be shorter."""
    return np.arange(0, length, -(-length // count))


def _middles(x: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Middle of each stretch; the first and the last position are those of ``x``."""
    middle = 0.5 * (x[starts] + x[np.append(starts[1:] - 1, len(x) - 1)])
    middle[0], middle[-1] = x[0], x[-1]
    return middle


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


def _even_extremes(y: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of equally long stretches; the last ones may lie beyond the end."""
    width = -(-len(y) // count)
    padded = np.full(count * width, np.nan)
    padded[: len(y)] = y
    rows = padded.reshape(count, width)
    starts = np.arange(count) * width
    low = np.where(np.isfinite(rows), rows, np.inf).argmin(axis=1) + starts
    high = np.where(np.isfinite(rows), rows, -np.inf).argmax(axis=1) + starts
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
    count, last = (max_points - 2) // 2, len(y) - 1
    low, high = _extremes(x, y, count) if scale == "log" else _even_extremes(y, count)
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
    finite = np.where(np.isfinite(y), y, np.nan)
    if len(y) <= max_points:
        return x, finite, finite
    if scale == "log":
        return _log_envelope(x, y, max_points)
    starts = _starts(len(y), max_points)
    low, high = np.fmin.reduceat(finite, starts), np.fmax.reduceat(finite, starts)
    return _middles(x, starts), low, high


def _log_envelope(
    x: np.ndarray, y: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = _extremes(x, y, count)
    bounds = stretches(x, count, "log")
    middle = np.sqrt(x[bounds[:-1]] * x[bounds[1:] - 1])
    middle[0], middle[-1] = x[0], x[-1]
    known = np.isfinite(y[low])
    return middle, np.where(known, y[low], np.nan), np.where(known, y[high], np.nan)


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
