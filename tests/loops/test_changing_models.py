"""Layers that are thawed, added, wrapped or replaced while the run goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Configuration, RunLog
from tests.comparison import assert_inert, traces
from tests.training import Training, batch, mlp, norm_test

STEPS, CHANGE = 6, 3


class LowRank(nn.Module):
    """An adapter around a layer that is frozen."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Linear(layer.in_features, 2, bias=False).double()
        self.up = nn.Linear(2, layer.out_features, bias=False).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))


def adapt(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    torch.manual_seed(1)
    model[0] = LowRank(model[0])
    added = [*model[0].down.parameters(), *model[0].up.parameters()]
    optimizer.add_param_group({"params": added})


def replace(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    """Another number of classes: the head has another shape under the same name."""
    torch.manual_seed(1)
    model[2] = nn.Linear(6, 4).double()
    optimizer.add_param_group({"params": list(model[2].parameters())})


def thaw(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    model[0].requires_grad_(True)


CHANGES: dict[str, Callable] = {"adapters": adapt, "replaced": replace, "thawed": thaw}


def train(change: str, folder: Path | None, config: object = "economy") -> tuple:
    """The model after some steps, the norm tests expected, and the number of parameters."""
    model = mlp()
    if change == "thawed":
        model[0].requires_grad_(False)
    training = Training(folder, model, config=config)
    expected, sizes = [], []
    for step in range(STEPS):
        if step == CHANGE:
            CHANGES[change](model, training.optimizer)
        if folder is not None:
            expected.append(norm_test(model, *batch(step)))
            sizes.append(sum(p.numel() for p in model.parameters() if p.requires_grad))
        training.step(step)
    training.close()
    return model, expected, sizes


@pytest.mark.parametrize("change", CHANGES)
def test_the_values_of_the_network_follow_the_change(change: str, tmp_path: Path) -> None:
    _, expected, sizes = train(change, tmp_path)
    log = RunLog(tmp_path)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    for step, size in enumerate(sizes):
        counts = log.histogram("GradHist1d", step)[1].network
        assert counts.counts.sum() + counts.under + counts.over == 8 * size
    assert {e["level"] for e in log.events} <= {"info"}
    assert any("was added to the model" in e["message"] for e in log.events) == (
        change == "adapters"
    )


@pytest.mark.parametrize("change", CHANGES)
def test_the_values_of_layers_stay_in_the_order_of_the_header(change: str, tmp_path: Path) -> None:
    train(change, tmp_path)
    log = RunLog(tmp_path)
    names = [layer.name for layer in log.layers]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    _, layers = log.layer_series("GradNorm")
    assert layers.shape == (STEPS, 4)
    absent = [math.isnan(x) for x in layers[:, 0]]
    gone = {
        "adapters": [step >= CHANGE for step in range(STEPS)],
        "replaced": [False] * STEPS,
        "thawed": [step < CHANGE for step in range(STEPS)],
    }
    assert absent == gone[change]
    network = log.series("GradNorm").value
    squares = [math.fsum(x * x for x in row if not math.isnan(x)) for row in layers]
    same = range(CHANGE) if change == "adapters" else range(STEPS)
    assert [network[i] for i in same] == pytest.approx([squares[i] ** 0.5 for i in same])


@pytest.mark.parametrize("change", CHANGES)
def test_tracking_changes_nothing(change: str, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        return traces(train(change, folder, Configuration("full"))[0])

    assert_inert(run, tmp_path)
