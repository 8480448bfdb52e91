"""Norms of the network from norms of its parameters: pure functions shared by quantities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["network_norm", "squared_norm"]


def squared_norm(x: Tensor) -> Tensor:
    """‖x‖₂², at least in single precision."""
    x = x if x.dtype == torch.float64 else x.float()
    return torch.linalg.vector_norm(x).double().square()


def network_norm(squares: Mapping[str, Tensor]) -> Tensor:
    """√ Σ of squared norms of the parameters; 0 for none."""
    if not squares:
        return torch.zeros((), dtype=torch.float64)
    return torch.stack(list(squares.values())).sum().sqrt()
