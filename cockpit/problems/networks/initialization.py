"""How weights begin: drawn from a generator of their own.

So a seed gives the same network whatever else has drawn random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Initializer = Callable[[Tensor, torch.Generator], object]
Network = TypeVar("Network", bound=nn.Module)


def initialize(model: Network, seed: int, weights: Initializer, *, bias: float = 0.0) -> Network:
    """Set weights and biases of all convolutions and dense layers of ``model``, in order."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weights(module.weight, generator)
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)
    return model


def truncated_normal(std: float) -> Initializer:
    """Normal with standard deviation ``std``, drawn again beyond 2 ``std``."""

    def fill(weight: Tensor, generator: torch.Generator) -> object:
        return nn.init.trunc_normal_(weight, 0.0, std, -2 * std, 2 * std, generator=generator)

    return fill


def xavier_normal(weight: Tensor, generator: torch.Generator) -> object:
    """Xavier normal initialization (Glorot and Bengio, 2010)."""
    return nn.init.xavier_normal_(weight, generator=generator)


def zeros(weight: Tensor, generator: torch.Generator) -> object:
    """All zeros."""
    return nn.init.zeros_(weight)


def kaiming_normal(weight: Tensor, generator: torch.Generator) -> object:
    """Normal initialization for ReLU (He et al., 2015)."""
    return nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def uniform_all(model: Network, seed: int, width: int) -> Network:
    """Draw all parameters uniformly from ±1/√width, as is usual for recurrent networks."""
    generator = torch.Generator().manual_seed(seed)
    bound = 1 / math.sqrt(width)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return model
