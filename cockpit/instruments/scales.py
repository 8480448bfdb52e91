"""Choice of a scale for values, and the mapping that a scale means."""

from __future__ import annotations

import numpy as np

from cockpit.instruments.panel import Axis

HEAVY_TAIL = 30.0  # symlog where the largest magnitude is this many times the median one
CONSTANT = 1e-6  # what varies less, relative to its size, is drawn as a level line
SAMPLE = 65_536  # so many values tell a median well enough
DECADES = 6  # a symlog axis resolves at most this many decades to each side


def choose_axis(label: str, *values: np.ndarray) -> Axis:
    """Log where all values are positive and span a decade, symlog for heavy tails, else linear.

    Args:
        label: The axis label.
        values: All values that the axis has to show; non-finite ones do not count.
    """
    finite = np.concatenate([_finite(v) for v in values]) if values else np.empty(0)
    if finite.size == 0:
        return Axis(label)
    low, high = float(finite.min()), float(finite.max())
    if high - low <= CONSTANT * max(abs(low), abs(high)):
        margin = 0.05 * abs(high) or 1.0
        return Axis(label, range=(low - margin, high + margin))
    if low > 0:
        return Axis(label, "log") if high > 10 * low else Axis(label)
    magnitudes = np.abs(finite[finite != 0])
    if magnitudes.size == 0 or magnitudes.max() / HEAVY_TAIL <= median(magnitudes):
        return Axis(label)
    return Axis(label, "symlog", linthresh=linear_threshold(magnitudes))


def _finite(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return values if known.all() else values[known]


def sampled(values: np.ndarray) -> np.ndarray:
    """At most some ten thousand of the values, evenly spread, for a median or the like."""
    return values[:: 1 + len(values) // SAMPLE]


def median(values: np.ndarray) -> float:
    """The median, or nearly so of very many values.

    Args:
        values: Finite ones, at least one; even two near the largest float have a median.
    """
    return 2.0 * float(np.median(0.5 * sampled(values)))


def linear_threshold(magnitudes: np.ndarray) -> float:
    """The power of ten below which a symlog scale is linear.

    Args:
        magnitudes: Positive finite values.
    """
    smallest = max(np.quantile(sampled(magnitudes), 0.05), magnitudes.max() / 10**DECADES)
    return float(10.0 ** np.floor(np.log10(smallest)))


def to_scale(values: np.ndarray, axis: Axis) -> np.ndarray:
    """Positions along the axis, up to a linear map; NaN where a log scale has no place."""
    values = np.asarray(values, dtype=float)
    if axis.scale == "log":
        return np.log10(np.where(values > 0, values, np.nan))
    if axis.scale == "symlog":
        return np.sign(values) * np.log10(1 + np.abs(values) / axis.linthresh)
    return values


def from_scale(positions: np.ndarray, axis: Axis) -> np.ndarray:
    """Inverse of :func:`to_scale`."""
    positions = np.asarray(positions, dtype=float)
    if axis.scale == "log":
        return 10.0**positions
    if axis.scale == "symlog":
        return np.sign(positions) * axis.linthresh * (10.0 ** np.abs(positions) - 1)
    return positions
