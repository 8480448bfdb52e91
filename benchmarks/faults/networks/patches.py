"""Networks that cut pictures into patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.networks.dense import Skip


class Patches(nn.Module):
    """Square pieces of an image, each as a row of its pixels.

    Args:
        size: Height and width of a piece.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Shape [N, pieces, pixels] of x [N, 1, height, width]."""
        return functional.unfold(x, self.size, stride=self.size).transpose(1, 2)


class Turned(nn.Module):
    """Layers along the other axis: pieces instead of numbers.

    Args:
        *layers: One after the other.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x [N, pieces, numbers]."""
        made: Tensor = self.layers(x.transpose(1, 2))
        return made.transpose(1, 2)


class MeanOfPieces(nn.Module):
    """Over the pieces of each image."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape [N, numbers] of x [N, pieces, numbers]."""
        return x.mean(1)


def mixer(size: int, patch: int, width: int, depth: int, outputs: int) -> nn.Sequential:
    """Dense layers over the pieces and over their numbers in turn (Tolstikhin et al., 2021).

    Args:
        size: Height and width of the images, in pixels.
        patch: The same of a piece.
        width: Numbers that a piece becomes.
        depth: Number of such turns.
        outputs: Of the network.
    """
    pieces = (size // patch) ** 2
    blocks: list[nn.Module] = []
    for _ in range(depth):
        blocks += [
            Skip(nn.LayerNorm(width), Turned(*_two_layers(pieces))),
            Skip(nn.LayerNorm(width), *_two_layers(width)),
        ]
    return nn.Sequential(
        Patches(patch),
        nn.Linear(patch * patch, width),
        *blocks,
        nn.LayerNorm(width),
        MeanOfPieces(),
        nn.Linear(width, outputs),
    )


def _two_layers(width: int) -> tuple[nn.Module, ...]:
    return nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)


class PictureTransformer(nn.Module):
    """Encoder layers over the pieces of an image and a token that becomes the answer.

    Reference: Dosovitskiy et al. (2021), "An image is worth 16 × 16 words".

    Args:
        size: Height and width of the images, in pixels.
        patch: The same of a piece.
        width: Of the embedding; the layers have twice as many units within.
        depth: Number of layers.
        outputs: Of the network.
    """

    def __init__(self, size: int, patch: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.patches = Patches(patch)
        self.embedding = nn.Linear(patch * patch, width)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + (size // patch) ** 2, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, outputs] of x [N, 1, height, width]."""
        pieces = self.embedding(self.patches(x))
        hidden = torch.cat([self.token.expand(len(x), -1, -1), pieces], 1) + self.position
        for layer in self.layers:
            hidden = layer(hidden)
        logits: Tensor = self.head(self.norm(hidden[:, 0]))
        return logits
