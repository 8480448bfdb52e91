"""Convolutions, over pictures and over time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.faults.networks.dense import Activation, Norm, Skip
from cockpit.problems.networks.residual import WideBlock


def convolutional(
    channels: Sequence[int],
    size: int,
    hidden: int,
    outputs: int = 10,
    activation: Activation = nn.ReLU,
    *,
    norm: Norm | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Convolutions with poolings, then two dense layers, in the manner of 2c2d.

    Args:
        channels: Of each convolution.
        size: Height and width of the images, in pixels.
        hidden: Units of the dense layer.
        outputs: Of the network.
        activation: After each layer but the last.
        norm: Makes what comes after each convolution, of its channels; None: nothing.
        dropout: Before the last layer; 0: none.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((1, *channels)):
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        layers += [norm(after)] if norm else []
        layers += [activation(), nn.MaxPool2d(2)]
    left = size // 2 ** len(channels)
    layers += [nn.Flatten(), nn.Linear(channels[-1] * left * left, hidden), activation()]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))


def residual(widths: Sequence[int]) -> nn.Sequential:
    """A wide residual network with one block for each width, for [N, 1, H, W] and ten classes."""
    blocks = [
        WideBlock(inputs, outputs, stride=1 if number == 0 else 2)
        for number, (inputs, outputs) in enumerate(itertools.pairwise((widths[0], *widths)))
    ]
    return nn.Sequential(
        nn.Conv2d(1, widths[0], 3, padding=1, bias=False),
        *blocks,
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], 10),
    )


def series(channels: Sequence[int], length: int, outputs: int) -> nn.Sequential:
    """Convolutions over time with one pooling, then a dense layer, for [N, channels, length].

    Args:
        channels: Of the inputs and of each convolution.
        length: Of the series.
        outputs: Of the network.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        layers += [nn.Conv1d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.MaxPool1d(2), nn.Flatten(), nn.Linear(channels[-1] * (length // 2), outputs)
    )


def dilated(channels: Sequence[int], outputs: int) -> nn.Sequential:
    """Convolutions over time, each with steps twice as wide as the one before; the mean of all.

    Args:
        channels: Of the inputs and of each convolution.
        outputs: Of the network.
    """
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise(channels)):
        wide = 2**number
        layers += [
            nn.Conv1d(before, after, 5, padding=2 * wide, dilation=wide, bias=False),
            nn.BatchNorm1d(after), nn.ReLU(),
        ]  # fmt: skip
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(channels[-1], outputs)
    )


def strided(channels: Sequence[int], size: int, outputs: int) -> nn.Sequential:
    """Convolutions that halve the images themselves, with leaky ReLUs; no pooling.

    Args:
        channels: Of each convolution.
        size: Height and width of the images, in pixels.
        outputs: Of the network.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((1, *channels)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
        size = (size + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * size * size, outputs))


def separable(channels: Sequence[int], outputs: int) -> nn.Sequential:
    """Each channel by itself, then all at each place (as MobileNet does); the mean of the places.

    Args:
        channels: Of the first convolution, which is an ordinary one, and of each pair.
        outputs: Of the network.
    """
    first = channels[0]
    layers: list[nn.Module] = [
        nn.Conv2d(1, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
    ]  # fmt: skip
    for before, after in itertools.pairwise(channels):
        layers += [
            nn.Conv2d(before, before, 3, stride=2, padding=1, groups=before, bias=False),
            nn.BatchNorm2d(before), nn.ReLU(),
            nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        ]  # fmt: skip
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], outputs)
    )


def depthwise(width: int, depth: int, outputs: int) -> nn.Sequential:
    """Blocks that mix places first, channels then, with short cuts (Liu et al., 2022).

    Args:
        width: Channels of each block.
        depth: Number of blocks.
        outputs: Of the network.
    """
    blocks = (
        Skip(
            nn.Conv2d(width, width, 5, padding=2, groups=width),
            nn.GroupNorm(1, width),
            nn.Conv2d(width, 2 * width, 1),
            nn.GELU(),
            nn.Conv2d(2 * width, width, 1),
        )
        for _ in range(depth)
    )
    return nn.Sequential(
        nn.Conv2d(1, width, 2, stride=2),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(width),
        nn.Linear(width, outputs),
    )


def filling(channels: Sequence[int]) -> nn.Sequential:
    """From pictures to pictures: convolutions that halve them, and others that double them again.

    Args:
        channels: Of each convolution that halves; the others have them in turn.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((1, *channels)):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    for before, after in itertools.pairwise((*channels[::-1], channels[0])):
        layers += [
            nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after), nn.ReLU(),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.Conv2d(channels[0], 1, 3, padding=1))


def averaged(channels: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    """Convolutions with PReLUs, the mean of all places, and logarithms of probabilities.

    Args:
        channels: Of each convolution; the first one is followed by a pooling.
        outputs: Of the network.
        dropout: Before the last layer.
    """
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise((1, *channels))):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.PReLU(after)]
        layers += [] if number else [nn.AvgPool2d(2)]
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(channels[-1], outputs),
        nn.LogSoftmax(dim=1),
    )


class PlainBlock(nn.Module):
    """Two convolutions beside a short cut; a ReLU comes after the sum (He et al., 2016).

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: Of the first convolution.
        norm: Makes what comes after each convolution, of its channels.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            norm(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            norm(outputs),
        )
        changes = stride != 1 or inputs != outputs
        self.beside = nn.Conv2d(inputs, outputs, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Shape [N, outputs, height / stride, width / stride]."""
        return torch.relu(self.layers(x) + self.beside(x))


def plain_residual(
    widths: Sequence[int], outputs: int, norm: Norm = nn.BatchNorm2d
) -> nn.Sequential:
    """A residual network for [N, 1, H, W] that halves the images at each block.

    Args:
        widths: Channels of the first convolution and of each block.
        outputs: Of the network.
        norm: Makes what comes after each convolution, of its channels.
    """
    return nn.Sequential(
        nn.Conv2d(1, widths[0], 3, padding=1, bias=False),
        norm(widths[0]),
        nn.ReLU(),
        *(PlainBlock(before, after, 2, norm) for before, after in itertools.pairwise(widths)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], outputs),
    )
