"""The programs' networks: small kin of those in ``cockpit.problems``, whose parts they use."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from cockpit.problems.networks.recurrent import CharacterLSTM
from cockpit.problems.networks.residual import WideBlock

Activation = Callable[[], nn.Module]


def dense(
    widths: Sequence[int],
    activation: Activation = nn.ReLU,
    *,
    norm: bool = False,
    dropout: float = 0.0,
    flatten: bool = True,
) -> nn.Sequential:
    """Dense layers of these widths, from the inputs to the outputs, as torch initializes them.

    Args:
        widths: At least the inputs and the outputs: then it is linear.
        activation: Between the layers.
        norm: Whether BatchNorm comes before each activation.
        dropout: After each activation; 0: none.
        flatten: Whether inputs are images.
    """
    layers: list[nn.Module] = [nn.Flatten()] if flatten else []
    for inputs, outputs in itertools.pairwise(widths[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        layers += [nn.BatchNorm1d(outputs)] if norm else []
        layers.append(activation())
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def convolutional(
    channels: Sequence[int], size: int, hidden: int, *, norm: bool = False, dropout: float = 0.0
) -> nn.Sequential:
    """Convolutions with poolings, then two dense layers, in the manner of 2c2d.

    Args:
        channels: Of each convolution.
        size: Height and width of the images, in pixels.
        hidden: Units of the dense layer.
        norm: Whether BatchNorm comes after each convolution.
        dropout: Before the last layer; 0: none.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise((1, *channels)):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
        layers += [nn.BatchNorm2d(outputs)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    left = size // 2 ** len(channels)
    layers += [nn.Flatten(), nn.Linear(channels[-1] * left * left, hidden), nn.ReLU()]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(hidden, 10))


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


def recurrent(codes: int, width: int) -> CharacterLSTM:
    """P8 in small: an embedding, two LSTM layers, a dense layer."""
    return CharacterLSTM(codes, width)


class CharacterGRU(nn.Module):
    """An embedding, a GRU layer, a dense layer.

    Args:
        codes: Number of characters.
        width: Of the embedding and of the layer.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, codes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, codes, length] of the character after each of x [N, length]."""
        hidden, _ = self.gru(self.embedding(x))
        logits: Tensor = self.head(hidden)
        return logits.transpose(1, 2)


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


def fine_tuned(images: Tensor, odd: Tensor, widths: Sequence[int]) -> nn.Sequential:
    """Dense layers of which the first is frozen: it was trained to tell odd from even.

    Args:
        images: What it was trained on, all at once.
        odd: 0 or 1 for each of them.
        widths: Of the inputs, the frozen layer, the other layers, and the outputs.
    """
    whole = dense((*widths[:2], 2))
    optimizer = torch.optim.Adam(whole.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        functional.cross_entropy(whole(images), odd).backward()
        optimizer.step()
    trunk = list(whole)[:-1]
    for module in trunk:
        module.requires_grad_(requires_grad=False)
    return nn.Sequential(*trunk, *dense(widths[1:], flatten=False))


class Transformer(nn.Module):
    """Encoder layers that see what lies before each character, and foresee the next one.

    Args:
        codes: Number of characters.
        length: Of a passage, at most.
        width: Of the embedding; the layers have twice as many units within.
        depth: Number of layers.
        dropout: Within the layers.
        first: Whether normalization comes before each part of a layer, or after it.
    """

    def __init__(
        self,
        codes: int,
        length: int,
        width: int,
        depth: int,
        *,
        dropout: float = 0.0,
        first: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.position = nn.Embedding(length, width)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, 4, 2 * width, dropout, batch_first=True, norm_first=first
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width) if first else nn.Identity()
        self.head = nn.Linear(width, codes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, codes, length] of the character after each of x [N, length]."""
        places = torch.arange(x.shape[1], device=x.device).expand_as(x)
        hidden = self.embedding(x) + self.position(places)
        mask = nn.Transformer.generate_square_subsequent_mask(
            x.shape[1], device=x.device, dtype=hidden.dtype
        )
        for layer in self.layers:
            hidden = layer(hidden, src_mask=mask, is_causal=True)
        logits: Tensor = self.head(self.norm(hidden))
        return logits.transpose(1, 2)
