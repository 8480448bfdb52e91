"""Kinds of layers, each between two others so that gradients arrive from both sides."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.cases.case import CLASSES, Batch, Case, N, classes

__all__ = ["CASES"]

T = 3  # positions of a sequence


class Flat(nn.Module):
    """A head for whatever comes: everything of a sample to three classes."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.head = nn.Linear(features, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(x).flatten(1))


def made(make: Callable[[], list[nn.Module]], shape: tuple[int, ...]) -> Callable[[], nn.Module]:
    """The layers, and a head of the right size for inputs of this shape."""

    def model() -> nn.Module:
        body = nn.Sequential(*make())
        modes = [part.training for part in body]
        with torch.no_grad():
            features = body.eval()(torch.zeros(2, *shape))[0].numel()
        for part, mode in zip(body, modes, strict=True):
            part.train(mode)
        return nn.Sequential(*body, Flat(features))

    return model


def layer(name: str, make: Callable[[], list[nn.Module]], *shape: int, **options) -> Case:
    return Case(name, made(make, shape), classes(*shape), **options)


def in_evaluation(make: Callable[[], list[nn.Module]]) -> Callable[[], list[nn.Module]]:
    def evaluated() -> list[nn.Module]:
        layers = make()
        for part in layers:
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
                part.eval()
        return layers

    return evaluated


class Sequence(nn.Module):
    """Tokens, positions and one layer over them; the layer may want positions first."""

    def __init__(self, inner: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.embedding, self.inner = nn.Linear(4, 4), inner
        self.call = call
        self.head = nn.LazyLinear(CLASSES)
        self(torch.zeros(2, T, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.call(self.inner, torch.tanh(self.embedding(x))).flatten(1))


def sequence(
    name: str,
    make: Callable[[], nn.Module],
    call: Callable[[nn.Module, Tensor], Tensor] = lambda inner, x: inner(x),
    **options,
) -> Case:
    return Case(name, lambda: Sequence(make(), call), classes(T, 4), **options)


def first(inner: nn.Module, x: Tensor) -> Tensor:
    """The first of a recurrent layer's outputs."""
    return inner(x)[0]


def positions_first(inner: nn.Module, x: Tensor) -> Tensor:
    return inner(x.transpose(0, 1))[0].transpose(0, 1)


def from_state(inner: nn.Module, x: Tensor) -> Tensor:
    """With an initial state that depends on the sample."""
    state = x[:, 0].unsqueeze(0).contiguous()
    return inner(x, state)[0]


def with_itself(inner: nn.Module, x: Tensor) -> Tensor:
    return inner(x, x, x, need_weights=False)[0]


def with_weights(inner: nn.Module, x: Tensor) -> Tensor:
    out, weights = inner(x, x, x)
    return torch.cat([out, weights], 2)


def causal(inner: nn.Module, x: Tensor) -> Tensor:
    mask = torch.full((T, T), -torch.inf, dtype=x.dtype).triu(1)
    return inner(x, x, x, attn_mask=mask, need_weights=False)[0]


def attention_positions_first(inner: nn.Module, x: Tensor) -> Tensor:
    x = x.transpose(0, 1)
    return inner(x, x, x, need_weights=False)[0].transpose(0, 1)


class Across(nn.Module):
    """Attention from one sequence to another of other width."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(4, 2, kdim=3, vdim=2, batch_first=True)
        self.key, self.value = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        memory = x.flip(1)[:, 1:]
        return self.inner(x, self.key(memory), self.value(memory), need_weights=False)[0]


class Decoder(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.inner = nn.TransformerDecoderLayer(4, 2, 6, dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, x.flip(1)[:, 1:])


def attention(dropout: float = 0.0, batch_first: bool = True) -> Callable[[], nn.Module]:
    return lambda: nn.MultiheadAttention(4, 2, dropout, batch_first=batch_first)


def encoder(dropout: float, **options) -> Callable[[], nn.Module]:
    return lambda: nn.TransformerEncoderLayer(4, 2, 6, dropout, batch_first=True, **options)


class Quadratic(nn.Bilinear):
    """A bilinear layer with one input for both of its own."""

    def __init__(self) -> None:
        super().__init__(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x.flip(1))


class Rotation(nn.Module):
    """A layer of the user's own: x exp(A − Aᵀ)."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(5, 5) / 3)

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.matrix_exp(self.a - self.a.T)


def words(padding: int | None) -> Callable[[], Batch]:
    def batch() -> Batch:
        x = torch.randint(6, (N, T))
        if padding is not None:
            x[:, -1] = padding
        return Batch(x, torch.randint(CLASSES, (N,)))

    return batch


def look_up(**options) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Embedding(6, 4, **options), nn.Linear(4, 4), Flat(12))


def conv(dimensions: int, **options) -> Callable[[], list[nn.Module]]:
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
    return lambda: [kind(2, 4, 2, **options), nn.Tanh(), kind(4, 2, 1)]


def transposed(dimensions: int, **options) -> Callable[[], list[nn.Module]]:
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dimensions - 1]
    return lambda: [kind(2, 2, 2, **options), nn.Tanh()]


def normalized(norm: Callable[[], nn.Module]) -> Callable[[], list[nn.Module]]:
    return lambda: [nn.Conv1d(2, 4, 2), norm(), nn.Tanh(), nn.Conv1d(4, 2, 1)]


ALL = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
ALL_TRANSPOSED = {**ALL, "output_padding": 1}

CASES = [
    layer("Linear on [N, T, C]", lambda: [nn.Linear(4, 3)], T, 4),
    layer("Linear on [N, H, W, C]", lambda: [nn.Linear(4, 2)], 2, 2, 4),
    layer("Linear without bias", lambda: [nn.Linear(4, 3, bias=False)], 4),
    layer("Conv1d", conv(1), 2, 5),
    layer("Conv1d, stride, padding, dilation, groups", conv(1, **ALL), 2, 6),
    layer("Conv2d", conv(2), 2, 4, 4),
    layer("Conv2d, stride, padding, dilation, groups", conv(2, **ALL), 2, 5, 5),
    layer(
        "Conv2d, padding 'same', reflected",
        conv(2, padding="same", padding_mode="reflect"),
        2,
        3,
        3,
    ),
    layer("Conv3d", conv(3), 2, 3, 3, 3),
    layer("Conv3d, stride, padding, dilation, groups", conv(3, **ALL), 2, 3, 3, 3),
    layer("ConvTranspose1d", transposed(1), 2, 4),
    layer("ConvTranspose1d, all options", transposed(1, **ALL_TRANSPOSED), 2, 4),
    layer("ConvTranspose2d", transposed(2), 2, 3, 3),
    layer("ConvTranspose2d, all options", transposed(2, **ALL_TRANSPOSED), 2, 3, 3),
    layer("ConvTranspose3d, all options", transposed(3, **ALL_TRANSPOSED), 2, 2, 2, 2),
    Case("Embedding", look_up(), words(None)),
    Case("Embedding, padding_idx", look_up(padding_idx=1), words(1)),
    Case("Embedding, max_norm", look_up(max_norm=1.0), words(None)),
    Case(
        "Embedding, scale_grad_by_freq",
        look_up(scale_grad_by_freq=True),
        words(None),
        samples="none",
    ),
    Case("Embedding, sparse", look_up(sparse=True), words(None)),
    Case("EmbeddingBag", lambda: nn.Sequential(nn.EmbeddingBag(6, 4), Flat(4)), words(None)),
    layer("LayerNorm", lambda: [nn.Linear(4, 4), nn.LayerNorm(4)], T, 4),
    layer("LayerNorm over two axes", lambda: [nn.Linear(4, 4), nn.LayerNorm((T, 4))], T, 4),
    layer("RMSNorm", lambda: [nn.Linear(4, 4), nn.RMSNorm(4)], T, 4),
    layer("GroupNorm", normalized(lambda: nn.GroupNorm(2, 4)), 2, 4),
    layer("InstanceNorm1d", normalized(lambda: nn.InstanceNorm1d(4, affine=True)), 2, 4),
    layer(
        "InstanceNorm1d, running statistics",
        normalized(lambda: nn.InstanceNorm1d(4, affine=True, track_running_stats=True)),
        *(2, 4),
    ),
    layer(
        "BatchNorm1d, training",
        normalized(lambda: nn.BatchNorm1d(4)),
        2,
        4,
        samples="contributions",
    ),
    layer(
        "BatchNorm1d after Linear, training",
        lambda: [nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4)],
        5,
        samples="contributions",
    ),
    layer(
        "BatchNorm2d, training",
        lambda: [nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1)],
        *(2, 3, 3),
        samples="contributions",
    ),
    layer(
        "BatchNorm3d, training",
        lambda: [nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2)],
        *(1, 2, 2, 2),
        samples="contributions",
    ),
    layer("BatchNorm1d, evaluation", in_evaluation(normalized(lambda: nn.BatchNorm1d(4))), 2, 4),
    sequence("MultiheadAttention", attention(), with_itself),
    sequence("MultiheadAttention, weights returned", attention(), with_weights),
    sequence("MultiheadAttention, causal", attention(), causal),
    sequence(
        "MultiheadAttention, positions first",
        attention(batch_first=False),
        attention_positions_first,
    ),
    sequence("MultiheadAttention across, other widths", Across),
    sequence("MultiheadAttention, dropout", attention(0.3), with_itself, samples="together"),
    sequence("TransformerEncoderLayer", encoder(0.0)),
    sequence(
        "TransformerEncoderLayer, norm first, GELU",
        encoder(0.0, norm_first=True, activation="gelu"),
    ),
    sequence("TransformerEncoderLayer, dropout", encoder(0.2), samples="together"),
    sequence("TransformerDecoderLayer", lambda: Decoder(0.0)),
    sequence("TransformerDecoderLayer, dropout", lambda: Decoder(0.2), samples="together"),
    sequence("RNN", lambda: nn.RNN(4, 3, batch_first=True), first),
    sequence("LSTM, two layers", lambda: nn.LSTM(4, 3, 2, batch_first=True), first),
    sequence(
        "LSTM, two directions, projection",
        lambda: nn.LSTM(4, 3, batch_first=True, bidirectional=True, proj_size=2),
        first,
    ),
    sequence(
        "LSTM, dropout",
        lambda: nn.LSTM(4, 3, 2, batch_first=True, dropout=0.3),
        first,
        samples="together",
    ),
    sequence("GRU", lambda: nn.GRU(4, 3, batch_first=True), first),
    sequence("GRU, initial state", lambda: nn.GRU(4, 4, batch_first=True), from_state),
    sequence("GRU, positions first", lambda: nn.GRU(4, 3), positions_first),
    layer(
        "Dropout",
        lambda: [nn.Linear(5, 4), nn.Dropout(0.4), nn.Linear(4, 4)],
        5,
        samples="together",
    ),
    layer("Bilinear", lambda: [nn.Linear(5, 4), Quadratic(), nn.Linear(3, 3)], 5),
    layer("PReLU", lambda: [nn.Linear(5, 4), nn.PReLU(4), nn.Linear(4, 4), nn.PReLU()], 5),
    layer("a layer of the user's own", lambda: [nn.Linear(5, 5), Rotation()], 5),
    layer("weight norm", lambda: [nn.utils.parametrizations.weight_norm(nn.Linear(5, 4))], 5),
    layer(
        "spectral norm, evaluation",
        lambda: [nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4)).eval()],
        5,
    ),
    layer(
        "spectral norm, training",
        lambda: [nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4))],
        5,
        samples="together",
    ),
]
