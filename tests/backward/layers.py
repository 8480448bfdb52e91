"""Layers of all kinds, each with an input of its shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["LAYERS", "N", "Opaque", "OpaqueBesideLayers", "integers", "numbers"]

N = 5


class Attend(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class First(nn.Module):
    """The first output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class OwnParameter(nn.Module):
    """A user's layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x * self.scale) * self.scale


class Square(torch.autograd.Function):
    """An operation that only a module's own call can tell about."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * grad * ctx.saved_tensors[0]


class Opaque(nn.Module):
    """A user's layer that can't be vectorized."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 4))
        self.rate = p

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x * Square.apply(self.scale), self.rate)


class OpaqueBesideLayers(Opaque):
    """The same with a layer inside."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.layer(x))


class Norm(nn.LayerNorm):
    """A subclass may compute something else."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ByName(nn.Module):
    """Calls its layers with keyword arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(3, 3, 4)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(input=self.pair(x, input2=x.flip(1)))


class Pair(nn.Module):
    """A layer with two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(3, 3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x.flip(1))


def integers(*shape: int) -> Tensor:
    return torch.randint(0, 7, shape, generator=torch.Generator().manual_seed(1))


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), numbers(N, 4)),
    "linear without bias": (lambda: nn.Linear(4, 3, bias=False), numbers(N, 4)),
    "linear on a sequence": (lambda: nn.Linear(4, 3), numbers(N, 6, 4)),
    "linear on a plane": (lambda: nn.Linear(4, 3), numbers(N, 2, 3, 4)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), numbers(N, 2, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3), numbers(N, 2, 6, 7)),
    "conv2d, everything": (
        lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2, bias=False),
        numbers(N, 4, 7, 6),
    ),
    "conv2d, same": (lambda: nn.Conv2d(2, 3, (3, 5), padding="same"), numbers(N, 2, 6, 6)),
    "conv2d, circular": (
        lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"),
        numbers(N, 2, 6, 6),
    ),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2, dilation=2), numbers(N, 2, 4, 5, 4)),
    "transposed conv1d": (lambda: nn.ConvTranspose1d(2, 3, 3, 2, 1), numbers(N, 2, 5)),
    "transposed conv2d": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        numbers(N, 4, 4, 5),
    ),
    "transposed conv3d": (lambda: nn.ConvTranspose3d(2, 2, 2, dilation=2), numbers(N, 2, 3, 3, 2)),
    "embedding": (lambda: nn.Embedding(7, 4), integers(N, 6)),
    "embedding, padded": (lambda: nn.Embedding(7, 4, padding_idx=2), integers(N, 6)),
    "embedding of one index": (lambda: nn.Embedding(7, 4), integers(N)),
    "layer norm": (lambda: nn.LayerNorm(4), numbers(N, 6, 4)),
    "layer norm, two axes": (lambda: nn.LayerNorm((6, 4)), numbers(N, 6, 4)),
    "rms norm": (lambda: nn.RMSNorm(4), numbers(N, 6, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), numbers(N, 4, 3, 3)),
    "instance norm": (lambda: nn.InstanceNorm2d(4, affine=True), numbers(N, 4, 3, 3)),
    "batch norm, eval": (lambda: nn.BatchNorm2d(4).eval(), numbers(N, 4, 3, 3)),
    "batch norm, eval, flat": (lambda: nn.BatchNorm1d(4).eval(), numbers(N, 4)),
    "prelu": (lambda: nn.PReLU(4), numbers(N, 4, 3)),
    "bilinear": (Pair, numbers(N, 3)),
    "attention": (lambda: Attend(4, 2, batch_first=True), numbers(N, 6, 4)),
    "lstm": (lambda: First(nn.LSTM(4, 3, 2, batch_first=True)), numbers(N, 6, 4)),
    "gru": (lambda: First(nn.GRU(4, 3, batch_first=True)), numbers(N, 6, 4)),
    "rnn": (lambda: First(nn.RNN(4, 3, batch_first=True)), numbers(N, 6, 4)),
    "own parameter": (OwnParameter, numbers(N, 4)),
    "own layer, opaque": (Opaque, numbers(N, 4)),
    "subclass of a layer": (lambda: Norm(4), numbers(N, 6, 4)),
    "keyword arguments": (ByName, numbers(N, 3)),
    "embedding bag": (lambda: nn.EmbeddingBag(7, 4), integers(N, 6)),
    "prelu of one weight": (nn.PReLU, numbers(N, 4, 3)),
    "conv1d, reflected": (
        lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"),
        numbers(N, 2, 9),
    ),
    "conv2d, replicated": (
        lambda: nn.Conv2d(2, 4, 3, 2, padding=(1, 2), padding_mode="replicate", groups=2),
        numbers(N, 2, 6, 7),
    ),
    "conv3d, same": (lambda: nn.Conv3d(2, 2, (1, 3, 3), padding="same"), numbers(N, 2, 3, 4, 3)),
    "conv3d, groups": (lambda: nn.Conv3d(4, 4, 2, 2, 1, groups=4), numbers(N, 4, 3, 4, 3)),
    "transposed conv1d, everything": (
        lambda: nn.ConvTranspose1d(4, 6, 3, 3, 2, 2, 2, dilation=2, bias=False),
        numbers(N, 4, 5),
    ),
    "transposed conv3d, padded": (
        lambda: nn.ConvTranspose3d(2, 4, 3, 2, 1, (1, 0, 1), 2),
        numbers(N, 2, 3, 2, 3),
    ),
    "instance norm, 1d": (lambda: nn.InstanceNorm1d(4, affine=True), numbers(N, 4, 6)),
    "instance norm, running": (
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True).eval(),
        numbers(N, 4, 3, 3),
    ),
    "layer norm, no bias": (lambda: nn.LayerNorm(4, bias=False), numbers(N, 6, 4)),
    "rms norm, two axes": (lambda: nn.RMSNorm((6, 4)), numbers(N, 6, 4)),
    "batch norm 3d, eval": (lambda: nn.BatchNorm3d(4).eval(), numbers(N, 4, 2, 3, 3)),
}
