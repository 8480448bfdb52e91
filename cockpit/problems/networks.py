"""The networks of the test problems, initialized as DeepOBS does.

All end in logits: the softmax belongs to the loss. Weights come from the given generator, so a
seed gives the same network whatever else has drawn random numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Initializer = Callable[[Tensor, torch.Generator], object]


def cnn_2c2d(seed: int = 0) -> nn.Sequential:
    """Two convolutions, two dense layers, for [N, 1, 28, 28]: 3,274,634 parameters.

    Weights: truncated normal with σ = 0.05; biases 0.05.
    """
    model = nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 1024),
        nn.ReLU(),
        nn.Linear(1024, 10),
    )
    return initialize(model, seed, truncated_normal(0.05), bias=0.05)


def cnn_3c3d(seed: int = 0) -> nn.Sequential:
    """Three convolutions, three dense layers, for [N, 3, 32, 32]: 895,210 parameters.

    Weights: Xavier normal; biases 0. ``ceil_mode`` pads the poolings at the right and lower edge,
    as TensorFlow's "same" does.
    """
    model = nn.Sequential(
        nn.Conv2d(3, 64, 5),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Conv2d(64, 96, 3),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Conv2d(96, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(128 * 3 * 3, 512),
        nn.ReLU(),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )
    return initialize(model, seed, xavier_normal)


def mlp(seed: int = 0) -> nn.Sequential:
    """A multi-layer perceptron 784-1000-500-100-10 for images of 784 pixels.

    Weights: truncated normal with σ = 0.03; biases 0. Reference: thesis A.1.3, P10.
    """
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 1000),
        nn.ReLU(),
        nn.Linear(1000, 500),
        nn.ReLU(),
        nn.Linear(500, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    return initialize(model, seed, truncated_normal(0.03))


def logistic_regression(seed: int = 0) -> nn.Sequential:
    """Multinomial logistic regression for images of 784 pixels, all zeros at the start.

    Convex, so no random start is needed; ``seed`` has no effect. Reference: thesis A.1.3, P9.
    """
    return initialize(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), seed, zeros)


def initialize(
    model: nn.Sequential, seed: int, weights: Initializer, *, bias: float = 0.0
) -> nn.Sequential:
    """Set weights and biases of all convolutions and dense layers of ``model``, in order."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
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
