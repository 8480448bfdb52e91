"""Dense layers in a row, also with short cuts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


def dense(
    widths: Sequence[int],
    activation: Activation = nn.ReLU,
    *,
    norm: Norm | None = None,
    dropout: float = 0.0,
    flatten: bool = True,
) -> nn.Sequential:
    """Dense layers of these widths, from the inputs to the outputs, as torch initializes them.

    Args:
        widths: At least the inputs and the outputs: then it is linear.
        activation: Between the layers.
        norm: Makes what comes before each activation, of a width; None: nothing.
        dropout: After each activation; 0: none.
        flatten: Whether inputs are images.
    """
    layers: list[nn.Module] = [nn.Flatten()] if flatten else []
    for inputs, outputs in itertools.pairwise(widths[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        layers += [norm(outputs)] if norm else []
        layers.append(activation())
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def fine_tuned(images: Tensor, answers: Tensor, widths: Sequence[int]) -> nn.Sequential:
    """Dense layers of which the first is frozen: it was trained to say yes or no to something else.

    Args:
        images: What it was trained on, all at once.
        answers: 0 or 1 for each of them, as whether a digit is odd.
        widths: Of the inputs, the frozen layer, the other layers, and the outputs.
    """
    whole = dense((*widths[:2], 2))
    optimizer = torch.optim.Adam(whole.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        functional.cross_entropy(whole(images), answers).backward()
        optimizer.step()
    trunk = list(whole)[:-1]
    for module in trunk:
        module.requires_grad_(requires_grad=False)
    return nn.Sequential(*trunk, *dense(widths[1:], flatten=False))


class Skip(nn.Module):
    """What its layers make of an input, added to it.

    Args:
        *layers: One after the other; they keep the shape.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        added: Tensor = self.layers(x)
        return x + added


def with_skips(inputs: int, width: int, depth: int, outputs: int) -> nn.Sequential:
    """Dense blocks with short cuts, normalized before each block.

    Args:
        inputs: Pixels of an image.
        width: Of the blocks, between them and within.
        depth: Number of blocks.
        outputs: Of the network.
    """
    blocks = (
        Skip(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        for _ in range(depth)
    )
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width),
        *blocks,
        nn.LayerNorm(width),
        nn.Linear(width, outputs),
    )


class MostOfPoints(nn.Module):
    """The greatest of each number over all points of a set: their order does not count."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape [N, numbers] of x [N, points, numbers]."""
        return x.amax(1)


def of_points(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """The same dense layers for each point of a set, and others for the set (Qi et al., 2017).

    Args:
        inputs: Numbers of a point.
        width: Of the layers for a point; those for the set have as many.
        outputs: Of the network.
    """
    return nn.Sequential(
        *dense((inputs, width, width), flatten=False),
        MostOfPoints(),
        *dense((width, width, outputs), flatten=False),
    )
