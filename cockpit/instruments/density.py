"""Density of a sample, as a smooth curve."""

from __future__ import annotations

import numpy as np

from cockpit.instruments.scales import sampled

FINE_BINS = 400
SMALLEST_BANDWIDTH = 0.02  # of the range


def kernel_density(sample: np.ndarray, low: float, high: float, points: int = 161) -> np.ndarray:
    """Gaussian kernel density estimate of a sample on an even grid over [low, high].

    The bandwidth is Silverman's rule of thumb, from the part of the sample within the range, and
    at least a fiftieth of the range. The density is that of the whole sample: what lies outside
    of the range is missing from its integral.

    Args:
        sample: Finite values, shape [T].
        low: Start of the grid.
        high: End of the grid.
        points: Number of grid points.

    Returns:
        Density at ``np.linspace(low, high, points)``; zeros for an empty sample.

    Reference: Silverman (1986), eq. 3.31.
    """
    grid = np.linspace(low, high, points)
    inside = sample[(sample >= low) & (sample <= high)]
    if inside.size == 0:
        return np.zeros(points)
    counts, edges = np.histogram(inside, FINE_BINS, (low, high))
    centers = 0.5 * (edges[:-1] + edges[1:])
    quartiles = np.quantile(sampled(inside), (0.25, 0.75))
    spread = min(float(inside.std()), float(quartiles[1] - quartiles[0]) / 1.34)
    bandwidth = max(0.9 * spread * inside.size**-0.2, SMALLEST_BANDWIDTH * (high - low))
    kernel = np.exp(-0.5 * ((grid[:, None] - centers) / bandwidth) ** 2)
    return kernel @ counts / (sample.size * bandwidth * np.sqrt(2 * np.pi))
