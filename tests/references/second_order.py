"""References of the second-order quantities, from the full matrix of :mod:`.curvature`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.linalg
from torch import Tensor

from .statistics import Gradients, flatten
from .values import PerParameter


def hess_trace(matrix: Tensor, slices: Mapping[str, slice]) -> PerParameter:
    """Tr H, or Tr of a block of its diagonal."""
    diagonal = matrix.diagonal()
    layers = {name: float(diagonal[part].sum()) for name, part in slices.items()}
    return PerParameter(float(diagonal.sum()), layers)


def hess_max_ev(matrix: Tensor) -> float:
    """The largest algebraic eigenvalue (C.34)."""
    return float(scipy.linalg.eigvalsh(np.asarray(matrix))[-1])


def tic_trace(gradients: Gradients, trace: float) -> float:
    """C.37: (1/N) Σ ‖g_n‖² / Tr H."""
    rows = flatten(gradients)
    return sum(float(row @ row) for row in rows) / rows.shape[0] / trace


def tic_diag(
    gradients: Gradients, matrix: Tensor, slices: Mapping[str, slice], epsilon: float = 1e-4
) -> PerParameter:
    """C.38 with the diagonal clipped below at ε: (1/N) Σ_j (Σ_n g_nj²) / max(h_jj, ε)."""
    layers = {}
    for name, gradient in gradients.items():
        rows = gradient.flatten(1)
        diagonal = matrix.diagonal()[slices[name]]
        total = 0.0
        for column, curvature in zip(rows.T, diagonal, strict=True):
            total += float(column @ column) / max(float(curvature), epsilon)
        layers[name] = total / rows.shape[0]
    return PerParameter(sum(layers.values()), layers)
