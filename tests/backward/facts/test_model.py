"""Facts of models, each fault made by hand."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture
from cockpit.backward.facts import Seen
from cockpit.backward.facts.fetch import fetched
from cockpit.backward.facts.model import (
    Model,
    first_input_facts,
    gain_facts,
    modules_facts,
    training_facts,
    weights_facts,
)
from cockpit.backward.layer_call import LayerCall
from tests.references import facts as naive


def looked_at(model: nn.Module, x: Tensor, is_first: bool = True) -> dict[str, Any]:
    """What is found when the model has seen these inputs."""
    capture = Capture(model)
    capture.attach()
    output = model(x)  # its graph holds what was seen
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    seen = Seen(model, parameters, len(x), is_first=is_first, edges=capture.edges())
    found = fetched(Model().before_backward(seen))
    del output
    capture.detach()
    return found


def test_modes_of_modules() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.Dropout2d(0.3),
        nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(4)),
    )
    model[3].eval()
    assert modules_facts(model) == {
        "model.training": True,
        "model.evaluating": ["3.0", "3.1"],
        "model.dropout": 0.3,
        "model.modules_bn": 2,
    }
    model.eval()
    found = modules_facts(model)
    assert (found["model.training"], found["model.dropout"]) == (False, 0.0)
    assert found["model.evaluating"] == ["1", "2", "3.0", "3.1"]
    assert modules_facts(nn.Linear(2, 2))["model.modules_bn"] == 0


def test_names_are_those_of_the_uncompiled_model() -> None:
    model = nn.Sequential(nn.Linear(2, 2), torch.compile(nn.Dropout(0.1), backend="eager")).eval()
    assert modules_facts(model)["model.evaluating"] == ["1"]


def test_lists_of_names_are_short() -> None:
    model = nn.Sequential(*(nn.Dropout() for _ in range(30))).eval()
    assert len(modules_facts(model)["model.evaluating"]) == 20


def test_frozen_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 4))
    named = dict(model.named_parameters())
    assert training_facts(named) == {"model.frozen": [], "model.frozen_share": 0.0}
    model[0].requires_grad_(False)
    found = training_facts(named)
    assert found == {"model.frozen": ["0.weight", "0.bias"], "model.frozen_share": 8 / 20}
    assert training_facts({}) == {"model.frozen": [], "model.frozen_share": 0.0}


def test_weights_that_are_zero_or_alike() -> None:
    weights = {
        "zero": torch.zeros(3, 2),
        "zero bias": torch.zeros(3),
        "equal bias": torch.ones(3),
        "alike": torch.tensor([[1.0, 2.0], [1.0, 2.0]]),
        "constant": torch.full((2, 2, 3, 3), 0.5),
        "one row": torch.full((1, 4), 0.25),
        "one row of several": torch.tensor([[1.0, 1.0, 2.0]]),
        "one number": torch.ones(1, 1),
        "good": torch.eye(2),
        "nearly": torch.tensor([[1.0, 2.0], [1.0, 2.0000002]]),
        "sparse": torch.zeros(2, 2).to_sparse(),
        "empty": torch.zeros(0, 2),
    }
    assert fetched(weights_facts(weights)) == {
        "model.zero_weights": ["zero"],
        "model.symmetric": ["alike", "constant", "one row"],
    }


def gain(model: nn.Module) -> float | None:
    return fetched(gain_facts(model)).get("model.gain")


LAYERS: dict[str, tuple[nn.Module, list[str]]] = {
    "linear": (nn.Linear(5, 4), ["weight"]),
    "a convolution": (nn.Conv2d(3, 4, 3), ["weight"]),
    "in groups": (nn.Conv2d(4, 8, 3, groups=4), ["weight"]),
    "depthwise": (nn.Conv1d(6, 6, 5, groups=6), ["weight"]),
    "recurrent": (
        nn.LSTM(5, 8, 2, bidirectional=True, proj_size=3),
        [f"weight_{kind}_l{layer}{back}" for kind in ("ih", "hh", "hr") for layer in (0, 1)
         for back in ("", "_reverse")],
    ),
    "a cell": (nn.GRUCell(5, 4), ["weight_ih", "weight_hh"]),
    "attention": (nn.MultiheadAttention(8, 2), ["in_proj_weight", "out_proj.weight"]),
    "attention to others": (
        nn.MultiheadAttention(8, 2, kdim=6, vdim=5, add_bias_kv=True),
        ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"],
    ),
    "beside an embedding and norms": (
        nn.Sequential(nn.Embedding(30, 8), nn.LayerNorm((3, 8)), nn.BatchNorm1d(3),
                      nn.Linear(8, 7), nn.PReLU()), ["3.weight"],
    ),
    "beside what has other rows": (
        nn.Sequential(nn.ConvTranspose1d(4, 8, 3), nn.Bilinear(4, 4, 8), nn.Linear(4, 9)),
        ["2.weight"],
    ),
    "beside what is small": (
        nn.Sequential(nn.Linear(1, 40), nn.Linear(5, 3), nn.Linear(4, 4)), ["2.weight"],
    ),
    "in half precision": (nn.Linear(300, 40).bfloat16(), ["weight"]),
    "complex ones beside": (
        nn.Sequential(nn.Linear(8, 8, dtype=torch.complex64), nn.Linear(8, 8)), ["1.weight"],
    ),
    "in channels-last order": (
        nn.Conv2d(30, 40, 5).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        ["weight"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_the_gain_of_layers(name: str) -> None:
    model, counted = LAYERS[name]
    with torch.no_grad():
        for number, p in enumerate(model.parameters()):
            p.mul_(0.1 * 7 ** (number % 3))  # their gains differ
    expected = naive.gain([model.get_parameter(weight) for weight in counted])
    assert gain(model) == pytest.approx(expected, rel=1e-5)


def test_the_gain_of_a_compiled_model() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 6))
    expected = gain(model)
    model[0] = cast(nn.Module, torch.compile(model[0], backend="eager"))
    whole = cast(nn.Module, torch.compile(model, backend="eager"))
    assert gain(model) == gain(whole) == expected


@pytest.mark.parametrize("factor", [1.0, 5.0, 1e-15, 1e15])
def test_the_gain_of_torchs_own_initialization(factor: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Linear(64, 48), nn.Linear(48, 40))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(factor)
    assert gain(model) == pytest.approx(factor / math.sqrt(3), rel=0.02)


def test_weights_whose_gain_says_nothing() -> None:
    for model in (nn.Embedding(30, 8), nn.LayerNorm((4, 8)), nn.Conv1d(1, 20, 1), nn.Tanh()):
        assert gain(model) is None
    layer, zero, frozen = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
    nn.init.zeros_(zero.weight)
    frozen.requires_grad_(False)
    assert gain(nn.Sequential(zero, frozen)) is None
    lost = nn.Linear(8, 8)
    nn.init.constant_(lost.weight, math.nan)
    assert gain(lost) is None
    assert gain(nn.Sequential(layer, zero, frozen, lost)) == gain(layer)
    assert gain(nn.Linear(8, 8, device="meta")) is None


def test_a_weight_that_several_use_counts_once_and_a_tables_not_at_all() -> None:
    table, head, layer, other = (
        nn.Embedding(9, 4),
        nn.Linear(4, 9),
        nn.Linear(4, 4),
        nn.Linear(4, 4),
    )
    head.weight = table.weight
    nn.init.constant_(layer.weight, 3.0)
    nn.init.constant_(other.weight, 0.5)
    twice = nn.Linear(4, 4)
    twice.weight = layer.weight
    assert gain(nn.Sequential(table, layer, head)) == pytest.approx(6.0)
    assert gain(nn.Sequential(layer, twice, layer, other)) == pytest.approx((6.0 + 1.0) / 2)


def test_parts_of_a_weight_have_no_gain() -> None:
    """Their product does; to compute it could change the model, as spectral norm's does."""
    for made in (nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm):
        model = made(nn.Linear(8, 8))
        before = {name: x.clone() for name, x in model.state_dict().items()}
        assert gain(model) is None
        assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.one(x)
        return hidden + self.two(hidden)


class Gate(nn.Module):
    """A ReLU by hand: a product with flags."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (x > 0)


CHAINS: dict[str, tuple[nn.Module, tuple[int, ...], list[str]]] = {
    "none": (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), (4,), []),
    "in place": (nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4)), (4,), []),
    "two": (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), (4,), ["0 -> 1"]),
    "three": (
        nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Tanh()),
        (4,),
        ["0 -> 1.0", "1.0 -> 1.1"],
    ),
    "of sequences": (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), (5, 4), ["0 -> 1"]),
    "normalized between": (
        nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)), (4,), []
    ),
    "normalized over the batch between": (
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)), (4,), ["0 -> 2"]
    ),
    "normalized, and an activation": (
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4)), (4,), []
    ),
    "dropped out and normalized between": (
        nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(2, 4)
        ),
        (1, 3, 3),
        ["0 -> 4"],
    ),
    "a gate by hand": (nn.Sequential(nn.Linear(4, 4), Gate(), nn.Linear(4, 4)), (4,), []),
    "convolutions": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 2)),
        (1, 5, 5),
        ["0 -> 1", "1 -> 3"],
    ),
    "pooled between": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2)),
        (1, 4, 4),
        [],
    ),
    "dropped between": (
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 4)), (4,), ["0 -> 2"]
    ),
    "dropped between, in place": (
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5, inplace=True), nn.Linear(4, 4)),
        (4,),
        ["0 -> 2"],
    ),
    "identity between": (
        nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.Linear(4, 4)), (4,), ["0 -> 2"]
    ),
    "residual": (Residual(), (4,), ["one -> two"]),
    "attention": (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (5, 4), []),
    "recurrent": (nn.LSTM(4, 3), (5, 4), []),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_linear_layers(name: str) -> None:
    model, shape, expected = CHAINS[name]
    assert looked_at(model, torch.randn(3, *shape))["model.linear_chain"] == expected


def test_a_layer_that_is_used_twice_is_named_once() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, layer, layer)
    assert looked_at(model, torch.randn(3, 4))["model.linear_chain"] == ["0 -> 0"]


def test_weights_and_graph_are_looked_at_once() -> None:
    model, x = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), torch.randn(3, 4)
    once = {
        f"model.{fact}"
        for fact in ("zero_weights", "symmetric", "linear_chain", "gain", "first_input")
    }
    first, later = looked_at(model, x), looked_at(model, x, is_first=False)
    assert first.keys() - later.keys() == once
    assert not later.keys() - first.keys()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), math.sqrt(7.5)),
        (nn.Sequential(nn.LayerNorm(4, elementwise_affine=False), nn.Linear(4, 2)), 1.0),
        (nn.LSTM(4, 2), math.sqrt(7.5)),
        (nn.Sequential(nn.PReLU(), nn.Linear(4, 2)), None),
    ],
)
def test_what_the_first_layer_is_given(model: nn.Module, expected: float | None) -> None:
    facts = looked_at(model, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert facts.get("model.first_input") == (expected and pytest.approx(expected, rel=1e-4))


def test_what_was_overwritten_since_is_not_taken_for_the_first_layers_input() -> None:
    calls = [LayerCall(nn.Linear(2, 2), (torch.ones(3, 2),), {}, (0,))]
    assert fetched(first_input_facts(calls))["model.first_input"] == 1.0
    assert first_input_facts(calls, 12) == {}  # the model was given something else
    calls[0].inputs[0].mul_(2)
    assert first_input_facts(calls) == {}


def test_where_no_layer_was_seen_nothing_is_said_of_chains() -> None:
    seen = Seen(nn.Linear(2, 2), {}, 3, is_first=True)
    assert "model.linear_chain" not in fetched(Model().before_backward(seen))
