"""Wide residual networks.

Reference: Zagoruyko and Komodakis (2016), "Wide residual networks".
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from cockpit.problems.networks.initialization import initialize, kaiming_normal


class WideBlock(nn.Module):
    """Two convolutions beside a short cut; normalization and ReLU come before each.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: Of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Shape [N, outputs, height / stride, width / stride]."""
        active = torch.relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        inner = torch.relu(self.norm2(self.conv1(active)))
        return self.conv2(inner) + beside


def wide_resnet_16_4(seed: int = 0, classes: int = 10) -> nn.Sequential:
    """Sixteen layers, four times as wide as the usual ones, for [N, 3, 32, 32].

    2,748,890 parameters for 10 classes. Weights: Kaiming normal; biases 0; scales 1.
    """
    widths = (16, 64, 128, 256)
    blocks: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        blocks.append(WideBlock(inputs, outputs, stride=1 if number == 0 else 2))
        blocks.append(WideBlock(outputs, outputs, stride=1))
    model = nn.Sequential(
        nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
        *blocks,
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], classes),
    )
    return initialize(model, seed, kaiming_normal)
