"""Recurrent layers against the gradient of each sample's loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cockpit.backward.extensions import generic
from tests.backward.individual import assert_exact, by_hooks, by_loop

N, T, WIDTH = 4, 6, 3
Use = Callable[[nn.RNNBase, Tensor], Tensor]


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class Recurrent(nn.Module):
    """Samples first outside, whatever the layer wants."""

    def __init__(self, layer: nn.RNNBase, use: Use) -> None:
        super().__init__()
        self.layer, self.use = layer, use

    def forward(self, x: Tensor) -> Tensor:
        return self.use(self.layer, x)


def outputs(layer: nn.RNNBase, x: Tensor) -> Tensor:
    if layer.batch_first:
        return layer(x)[0]
    return layer(x.transpose(0, 1))[0].transpose(0, 1)


def last_state(layer: nn.RNNBase, x: Tensor) -> Tensor:
    state = layer(x)[1]
    parts = state if isinstance(state, tuple) else (state,)
    return torch.cat([part.transpose(0, 1).flatten(1) for part in parts], 1)


def outputs_and_state(layer: nn.RNNBase, x: Tensor) -> Tensor:
    out, state = layer(x)
    state = state[1] if isinstance(state, tuple) else state
    return torch.cat([out.flatten(1), state.transpose(0, 1).flatten(1)], 1)


def from_a_state(layer: nn.RNNBase, x: Tensor) -> Tensor:
    count = layer.num_layers * (1 + layer.bidirectional)
    hidden = x[:, :count, :1].transpose(0, 1).expand(-1, -1, layer.proj_size or layer.hidden_size)
    cell = x[:, :count, 1:2].transpose(0, 1).expand(-1, -1, layer.hidden_size)
    is_lstm = isinstance(layer, nn.LSTM)
    return layer(x, (hidden.contiguous(), cell.contiguous()) if is_lstm else hidden.contiguous())[0]


def packed(layer: nn.RNNBase, x: Tensor) -> Tensor:
    lengths = torch.tensor([3, 6, 1, 5])
    sequence = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, state = layer(sequence)
    padded, _ = pad_packed_sequence(out, batch_first=True)
    state = state[0] if isinstance(state, tuple) else state
    return torch.cat([padded.flatten(1), state.transpose(0, 1).flatten(1)], 1)


def twice(layer: nn.RNNBase, x: Tensor) -> Tensor:
    return layer(x)[0] + layer(x.flip(1))[0]


LAYERS = {
    "rnn": lambda **o: nn.RNN(WIDTH, 5, **o),
    "rnn, relu": lambda **o: nn.RNN(WIDTH, 5, nonlinearity="relu", **o),
    "lstm": lambda **o: nn.LSTM(WIDTH, 5, **o),
    "gru": lambda **o: nn.GRU(WIDTH, 5, **o),
    "lstm with projection": lambda **o: nn.LSTM(WIDTH, 5, proj_size=2, **o),
}
SHAPES = {
    "plain": {},
    "two layers, both ways": {"num_layers": 2, "bidirectional": True},
    "no bias": {"num_layers": 2, "bias": False},
}
USES = [outputs, last_state, outputs_and_state, from_a_state, packed, twice]


@pytest.fixture(autouse=True)
def _never_sample_by_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the general rule was used")

    monkeypatch.setattr(generic, "vectorized", refuse)
    monkeypatch.setattr(generic, "one_by_one", refuse)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", USES)
def test_each_weight_gets_the_gradient_of_each_sample(kind: str, shape: str, use: Use) -> None:
    torch.manual_seed(0)
    model = Recurrent(LAYERS[kind](batch_first=True, **SHAPES[shape]), use).double()
    assert_exact(model, lambda: model(numbers(N, T, WIDTH)))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("length", [T, N, 2 * N], ids=["T", "T = N", "T = 2N"])
@pytest.mark.parametrize("testable", [True, False], ids=["tested", "declared"])
def test_positions_first(kind: str, length: int, testable: bool) -> None:
    torch.manual_seed(0)
    model = Recurrent(LAYERS[kind](num_layers=2, bidirectional=True), outputs).double()
    assert_exact(model, lambda: model(numbers(N, length, WIDTH)), testable=testable)


def test_single_precision_is_as_exact_as_it_can_be() -> None:
    torch.manual_seed(0)
    model = Recurrent(nn.LSTM(WIDTH, 5, 2, batch_first=True), outputs_and_state)
    assert_exact(model, lambda: model(numbers(N, T, WIDTH).float()), rtol=1e-5)


def test_autocast_is_exact_to_half_precision() -> None:
    torch.manual_seed(0)
    model = Recurrent(nn.GRU(WIDTH, 5, batch_first=True), outputs)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(numbers(N, T, WIDTH).float()).float()

    made, missing, losses = by_hooks(model, forward)
    assert missing == {}
    for name, value in by_loop(model, losses).items():
        assert (made[name] - value).norm() <= 5e-2 * value.norm(), name


def test_samples_taken_for_positions_are_refused() -> None:
    """``batch_first`` forgotten: the state runs from sample to sample."""
    model = Recurrent(nn.LSTM(WIDTH, 5), lambda layer, x: layer(x)[0]).double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, T, WIDTH)))
    assert made == {}
    assert all("rows" in reason for reason in missing.values())


def test_dropout_between_layers_is_refused_and_draws_nothing() -> None:
    model = Recurrent(nn.LSTM(WIDTH, 5, 2, dropout=0.5, batch_first=True), outputs).double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, T, WIDTH)))
    assert made == {}
    assert all("dropout between layers" in reason for reason in missing.values())
    model.eval()
    assert_exact(model, lambda: model(numbers(N, T, WIDTH)))
