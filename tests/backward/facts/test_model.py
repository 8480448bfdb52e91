"""Facts of models, each fault made by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture
from cockpit.backward.facts import Seen
from cockpit.backward.facts.fetch import fetched
from cockpit.backward.facts.model import Model, modules_facts, training_facts, weights_facts


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
        "one row": torch.ones(1, 4),
        "good": torch.eye(2),
        "nearly": torch.tensor([[1.0, 2.0], [1.0, 2.0000002]]),
        "sparse": torch.zeros(2, 2).to_sparse(),
        "empty": torch.zeros(0, 2),
    }
    assert fetched(weights_facts(weights)) == {
        "model.zero_weights": ["zero"],
        "model.symmetric": ["alike", "constant"],
    }


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.one(x)
        return hidden + self.two(hidden)


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
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 4)), (4,), []
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
    once = {"model.zero_weights", "model.symmetric", "model.linear_chain"}
    first, later = looked_at(model, x), looked_at(model, x, is_first=False)
    assert first.keys() - later.keys() == once
    assert not later.keys() - first.keys()


def test_where_no_layer_was_seen_nothing_is_said_of_chains() -> None:
    seen = Seen(nn.Linear(2, 2), {}, 3, is_first=True)
    assert "model.linear_chain" not in fetched(Model().before_backward(seen))
