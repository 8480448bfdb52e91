"""Models of one vector or of two numbers, whose loss is known in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Point(nn.Module):
    """A point θ in space, the same for all samples.

    Args:
        dimensions: Of the space; θ begins at (1, …, 1).
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(dimensions))

    def forward(self, x: Tensor) -> Tensor:
        """θ for each of the samples x: shape of x, [N, dimensions]."""
        return self.theta.expand_as(x)


def point(seed: int = 0, dimensions: int = 100) -> Point:
    """A point of 100 coordinates, all 1 at the start; ``seed`` has no effect."""
    return Point(dimensions)


def two_parameters(seed: int = 0) -> nn.Sequential:
    """f(x) = w₂ w₁ x for [N, 1], with w = (0.1, 1.7) at the start; ``seed`` has no effect.

    Reference: thesis C.4.2.
    """
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    for parameter, weight in zip(model.parameters(), (0.1, 1.7), strict=True):
        nn.init.constant_(parameter, weight)
    return model
