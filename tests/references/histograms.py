"""References of the two histograms: a comparison per bin, half-open bins, nothing clipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from .statistics import Gradients, Parameters, flatten


@dataclass(frozen=True)
class Counted:
    """Counts of one 1-d histogram.

    Attributes:
        counts: Elements in each bin ``[edge_i, edge_{i+1})``.
        under: Elements below the first edge.
        over: Elements at or above the last edge.
        zeros: Elements that are exactly zero.
        near_edges: Elements so close to an edge that rounding may put them on its other side.
    """

    counts: np.ndarray
    under: int
    over: int
    zeros: int
    near_edges: int


def _edges(bins: int, bounds: tuple[float, float]) -> np.ndarray:
    return np.linspace(bounds[0], bounds[1], bins + 1)


def _near(values: np.ndarray, edges: np.ndarray, tolerance: float) -> np.ndarray:
    """Mask of the non-zero elements within ``tolerance`` of an edge."""
    distances = np.abs(values[:, None] - edges[None, :])
    return (distances <= tolerance).any(axis=1) & (values != 0)


def count_1d(
    values: np.ndarray, bins: int, bounds: tuple[float, float], tolerance: float = 1e-12
) -> Counted:
    """Count values bin by bin."""
    edges = _edges(bins, bounds)
    counts = [int(((values >= low) & (values < high)).sum()) for low, high in pairwise(edges)]
    return Counted(
        counts=np.array(counts),
        under=int((values < edges[0]).sum()),
        over=int((values >= edges[-1]).sum()),
        zeros=int((values == 0).sum()),
        near_edges=int(_near(values, edges, tolerance).sum()),
    )


def count_2d(
    x: np.ndarray,
    y: np.ndarray,
    bins: tuple[int, int],
    bounds: tuple[tuple[float, float], tuple[float, float]],
) -> np.ndarray:
    """Joint counts, shape [bins_x + 2, bins_y + 2]; the rims hold what lies below and above."""
    x_edges = np.concatenate([[-np.inf], _edges(bins[0], bounds[0]), [np.inf]])
    y_edges = np.concatenate([[-np.inf], _edges(bins[1], bounds[1]), [np.inf]])
    counts = np.zeros((bins[0] + 2, bins[1] + 2), dtype=np.int64)
    for i in range(bins[0] + 2):
        inside = y[(x >= x_edges[i]) & (x < x_edges[i + 1])]
        for k in range(bins[1] + 2):
            counts[i, k] = ((inside >= y_edges[k]) & (inside < y_edges[k + 1])).sum()
    return counts


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().double().flatten().numpy()


def grad_hist_1d(
    gradients: Gradients,
    bins: int = 40,
    bounds: tuple[float, float] = (-1.0, 1.0),
    tolerance: float = 1e-12,
) -> tuple[Counted, dict[str, Counted]]:
    """C.12: all N·D elements g_nj, for the network and per parameter."""
    layers = {name: count_1d(_numpy(g), bins, bounds, tolerance) for name, g in gradients.items()}
    return count_1d(_numpy(flatten(gradients)), bins, bounds, tolerance), layers


def grad_hist_2d(
    theta: Parameters,
    gradients: Gradients,
    bins: tuple[int, int] = (40, 40),
    bounds: tuple[tuple[float, float], tuple[float, float]] = ((-1.0, 1.0), (-1.0, 1.0)),
) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """C.13: all N·D pairs (θ_j, g_nj), for the network and per parameter."""
    layers = {}
    for name, gradient in gradients.items():
        pairs = theta[name].expand_as(gradient)
        layers[name] = count_2d(_numpy(pairs), _numpy(gradient), bins, bounds)
    return np.sum(list(layers.values()), axis=0), layers
