"""Attention layers against the gradient of each sample's loss in the same forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cockpit.backward.extensions import generic
from tests.backward.individual import assert_exact, by_hooks, by_loop

N, E = 4, 8
Attend = Callable[[nn.MultiheadAttention, Tensor], Tensor]


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class Attention(nn.Module):
    """Samples first outside, whatever the layer wants."""

    def __init__(self, attend: Attend, **options: object) -> None:
        super().__init__()
        options = {"dropout": 0.3, "batch_first": True, **options}
        self.layer = nn.MultiheadAttention(E, 2, **options)
        self.attend = attend

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.layer.batch_first else x.transpose(0, 1)
        out = self.attend(self.layer, x)
        return out if self.layer.batch_first else out.transpose(0, 1)


def to_itself(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    return layer(x, x, x, need_weights=False)[0]


def to_a_memory(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    memory = (x[:, 1:4] if layer.batch_first else x[1:4]).sin()
    return layer(x, memory, memory)[0]


def to_keys_and_values(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    return layer(x, x[:, 1:4, : layer.kdim], x[:, :3, : layer.vdim])[0]


def causally(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    return layer(x, x, x, attn_mask=mask, need_weights=False)[0]


def with_a_mask_for_each_head(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    return layer(x, x, x, attn_mask=numbers(N * 2, x.shape[1], x.shape[1]))[0]


def with_padding(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    hidden = torch.arange(x.shape[1]) >= torch.tensor([2, 4, 3, 4]).unsqueeze(1)
    return layer(x, x, x, key_padding_mask=hidden, need_weights=False)[0]


CASES = {
    "self": lambda: Attention(to_itself),
    "self, no bias": lambda: Attention(to_itself, bias=False),
    "self, positions first": lambda: Attention(to_itself, batch_first=False),
    "memory": lambda: Attention(to_a_memory),
    "memory, positions first": lambda: Attention(to_a_memory, batch_first=False),
    "memory, no bias": lambda: Attention(to_a_memory, bias=False),
    "keys and values": lambda: Attention(to_keys_and_values, kdim=E, vdim=E),
    "keys and values of other sizes": lambda: Attention(to_keys_and_values, kdim=4, vdim=5),
    "bias of keys and values": lambda: Attention(to_itself, add_bias_kv=True),
    "a column of zeros": lambda: Attention(to_itself, add_zero_attn=True),
    "causal": lambda: Attention(causally),
    "a mask for each head": lambda: Attention(with_a_mask_for_each_head),
    "padding": lambda: Attention(with_padding),
}


@pytest.fixture
def never_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer is run a second time: dropout would draw other numbers."""

    def refuse(*_: object) -> None:
        raise AssertionError("a layer was run again")

    monkeypatch.setattr(generic, "vectorized", refuse)
    monkeypatch.setattr(generic, "one_by_one", refuse)


@pytest.mark.usefixtures("never_run_again")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("length", [6, N, 2 * N], ids=["T", "T = N", "T = 2N"])
@pytest.mark.parametrize("testable", [True, False], ids=["tested", "declared"])
def test_each_projection_gives_the_gradient_of_each_sample(
    name: str, length: int, testable: bool
) -> None:
    torch.manual_seed(0)
    model, x = CASES[name]().double(), numbers(N, length, E)
    assert_exact(model, lambda: model(x), testable=testable)


def memory_decoder(**options: object) -> nn.Module:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerDecoderLayer(E, 2, 12, 0.2, batch_first=True, **options)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x, x[:, :3].tanh())

    return Decoder()


class PositionsFirst(nn.Module):
    """An encoder as torch has it by default."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(E, 2, 12, 0.2)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(E), False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x.transpose(0, 1)).mean(0)


class Checkpointed(nn.Module):
    """Its layer runs again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(E, 2, 12, 0.2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.layer, x, use_reentrant=False)


TRANSFORMERS = {
    "encoder layer": lambda: nn.TransformerEncoderLayer(E, 2, 12, 0.2, batch_first=True),
    "encoder layer, norm first": lambda: nn.TransformerEncoderLayer(
        E, 2, 12, 0.2, activation="gelu", batch_first=True, norm_first=True
    ),
    "decoder layer": memory_decoder,
    "decoder layer, norm first": lambda: memory_decoder(norm_first=True),
    "positions first": PositionsFirst,
    "checkpointed": Checkpointed,
}


@pytest.mark.usefixtures("never_run_again")
@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("length", [6, N, 2 * N], ids=["T", "T = N", "T = 2N"])
def test_transformer_layers_with_dropout_are_exact(name: str, length: int) -> None:
    torch.manual_seed(0)
    model, x = TRANSFORMERS[name]().double(), numbers(N, length, E)
    assert_exact(model, lambda: model(x))


def test_single_precision_is_as_exact_as_it_can_be() -> None:
    torch.manual_seed(0)
    model, x = TRANSFORMERS["encoder layer"](), numbers(N, 6, E).float()
    assert_exact(model, lambda: model(x), rtol=1e-5)


def test_autocast_is_exact_to_half_precision() -> None:
    torch.manual_seed(0)
    model, x = TRANSFORMERS["encoder layer"](), numbers(N, 6, E).float()

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(x).float()

    made, missing, losses = by_hooks(model, forward)
    assert missing == {}
    for name, value in by_loop(model, losses).items():
        assert made[name].dtype == torch.float32
        assert (made[name] - value).norm() <= 2e-2 * value.norm(), name


def test_attention_across_the_batch_is_refused() -> None:
    """``batch_first`` forgotten: each sample attends to the others."""
    model = nn.TransformerEncoderLayer(E, 2, 12, 0.0).double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, 6, E)))
    assert "self_attn.in_proj_weight" in missing
    assert "rows" in missing["self_attn.in_proj_weight"]
    assert "self_attn.in_proj_weight" not in made
