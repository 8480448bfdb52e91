"""Convolutional networks. They end in logits: the softmax belongs to the loss."""

from __future__ import annotations

from torch import nn

from cockpit.problems.networks.initialization import (
    initialize,
    kaiming_normal,
    truncated_normal,
    xavier_normal,
)


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


def all_cnn_c(seed: int = 0, classes: int = 100, *, dropout: bool = True) -> nn.Sequential:
    """Nine convolutions, no dense layer, no pooling but the last, for [N, 3, 32, 32].

    1,387,108 parameters for 100 classes. Weights: Kaiming normal; biases 0. Dropout: 0.2 of the
    input, 0.5 after each convolution that takes the place of a pooling.

    Reference: Springenberg et al. (2015), table 1, model C, and section 3.1.
    """

    def block(
        inputs: int, outputs: int, size: int, padding: int = 0, stride: int = 1
    ) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, stride, padding), nn.ReLU()]

    def drop(rate: float) -> list[nn.Module]:
        return [nn.Dropout(rate)] if dropout else []

    model = nn.Sequential(
        *drop(0.2),
        *block(3, 96, 3, padding=1),
        *block(96, 96, 3, padding=1),
        *block(96, 96, 3, padding=1, stride=2),
        *drop(0.5),
        *block(96, 192, 3, padding=1),
        *block(192, 192, 3, padding=1),
        *block(192, 192, 3, padding=1, stride=2),
        *drop(0.5),
        *block(192, 192, 3),
        *block(192, 192, 1),
        *block(192, classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return initialize(model, seed, kaiming_normal)
