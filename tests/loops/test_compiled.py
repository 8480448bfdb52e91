"""Compiled models: the same numbers as uncompiled, or absent with the reason; no bit changed."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities
from tests.comparison import assert_inert, assert_same_logs, traces
from tests.training import Training, batch, every_quantity

STEPS = 4
BACKENDS = ["eager", "aot_eager"]


@pytest.fixture(autouse=True)
def compiler() -> Iterator[None]:
    """A compiler without a past; our warnings are errors, its own are its own."""
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="Cockpit")
        yield
    torch._dynamo.reset()


def network(dropout: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(5, 8), nn.LayerNorm(8), nn.ReLU(inplace=True)]
    layers += [nn.Dropout(0.3)] * dropout
    return nn.Sequential(
        *layers, nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 3)
    ).double()


def whole(model: nn.Sequential, backend: str) -> nn.Module:
    return torch.compile(model, backend=backend)


def in_place(model: nn.Sequential, backend: str) -> nn.Module:
    model.compile(backend=backend)
    return model


def part(model: nn.Sequential, backend: str) -> nn.Module:
    model[-2] = torch.compile(model[-2], backend=backend)
    return model


WAYS: dict[str, Callable[[nn.Sequential, str], nn.Module]] = {
    "torch.compile": whole,
    "compiled in place": in_place,
    "a part": part,
}


CASES = [(way, backend) for way in WAYS for backend in BACKENDS]
if shutil.which("g++"):
    CASES.append(pytest.param("torch.compile", "inductor", marks=pytest.mark.slow))


def curvature() -> list[Any]:
    return [*every_quantity(), quantities.HessMaxEV(rtol=1e-9)]


def train(
    folder: Path | None,
    model: nn.Module,
    loss_fn: Any = None,
    **options: Any,
) -> nn.Module:
    training = Training(folder, model, loss_fn, **{"config": curvature(), **options})
    torch.manual_seed(5)
    training.run(range(STEPS)).close()
    return model


@pytest.mark.parametrize(("way", "backend"), CASES)
def test_compiled_models_have_the_numbers_of_uncompiled_ones(
    way: str, backend: str, tmp_path: Path
) -> None:
    train(tmp_path / "plain", network())
    train(tmp_path / "compiled", WAYS[way](network(), backend))
    assert RunLog(tmp_path / "compiled").events == []
    assert_same_logs(tmp_path / "compiled", tmp_path / "plain", rtol=1e-6)


@pytest.mark.parametrize(("way", "backend"), CASES)
def test_tracking_a_compiled_model_changes_nothing(way: str, backend: str, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        torch._dynamo.reset()
        model = network(dropout=True)
        model.append(nn.BatchNorm1d(3).double())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return traces(train(folder, WAYS[way](model, backend), strict=False))

    assert_inert(run, tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_compiled_anew(way: str, tmp_path: Path) -> None:
    compiled: list[int] = []
    torch._dynamo.utils.counters.clear()

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        compiled.append(1)
        return graph.forward

    train(None, WAYS[way](network(), backend))
    expected = len(compiled)
    torch._dynamo.reset()
    compiled.clear()
    train(tmp_path, WAYS[way](network(), backend))
    assert len(compiled) == expected


def test_dropout_is_drawn_as_it_was(tmp_path: Path) -> None:
    train(tmp_path / "plain", network(dropout=True))
    train(tmp_path / "compiled", whole(network(dropout=True), "aot_eager"))
    assert_same_logs(tmp_path / "compiled", tmp_path / "plain", rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_functional_losses_and_micro_batches(backend: str, tmp_path: Path) -> None:
    def loss_fn(output: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(output.reshape(-1, 3), y)

    for name, model in (("plain", network()), ("compiled", whole(network(), backend))):
        training = Training(tmp_path / name, model, loss_fn, config=curvature())
        for step in range(STEPS):
            training.optimizer.zero_grad()
            for part in zip(*(rows.chunk(2) for rows in batch(step)), strict=True):
                training.differentiate(step, part, halved, loss=lambda loss: loss)
            training.optimizer.step()
        log = training.close()
        assert {"NormTest", "HessMaxEV"} <= set(log.quantities)
    assert_same_logs(tmp_path / "compiled", tmp_path / "plain", rtol=1e-6)


def halved(loss: Tensor) -> None:
    (loss / 2).backward()


class Framed(nn.Module):
    """Takes a dictionary, returns one with two tensors, of which the loss uses one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(5, 3), nn.Linear(5, 2)

    def forward(self, given: dict[str, Tensor], *, scale: float) -> dict[str, Tensor]:
        x = torch.tanh(given["x"] * scale)
        return {"other": self.other(x), "logits": self.layer(x)}


def test_nested_arguments_and_outputs_under_autocast(tmp_path: Path) -> None:
    config = [quantities.NormTest(), quantities.HessMaxEV(rtol=1e-6), quantities.GradNorm()]
    found = {}
    for name in ("plain", "compiled"):
        torch.manual_seed(0)
        model, loss_fn = Framed(), nn.CrossEntropyLoss()
        model = model if name == "plain" else torch.compile(model, backend="aot_eager")
        with Cockpit(model, loss_fn, None, config, tmp_path / name, strict=True) as cockpit:
            x, y = batch(0, dtype=torch.float32)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_fn(model({"x": x}, scale=0.7)["logits"], y)
            with cockpit(0):
                loss.backward()
        log = RunLog(tmp_path / name)
        found[name] = [log.series(q.name).value[0] for q in config]
    assert found["compiled"] == pytest.approx(found["plain"], rel=2e-2)


def test_names_are_those_of_the_uncompiled_model(tmp_path: Path) -> None:
    train(tmp_path / "plain", network())
    model = network()
    model[-2] = torch.compile(model[-2], backend="eager")
    train(tmp_path / "compiled", whole(model, "eager"))
    plain, compiled = RunLog(tmp_path / "plain"), RunLog(tmp_path / "compiled")
    assert [x.name for x in compiled.layers] == [x.name for x in plain.layers]
    assert [x.module for x in compiled.layers] == [x.module for x in plain.layers]
    assert compiled.header["environment"]["model"] == "Sequential"


def test_a_model_compiled_after_the_cockpit_was_made(tmp_path: Path) -> None:
    training = Training(tmp_path / "compiled", network(), strict=False)
    training.model.compile(backend="aot_eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first step is not seen
        training.run(range(STEPS))
    train(tmp_path / "plain", network())
    got, expected = training.close(), RunLog(tmp_path / "plain")
    assert list(got.series("NormTest").step) == [1, 2, 3]
    assert list(got.series("NormTest").value) == pytest.approx(
        list(expected.series("NormTest").value[1:]), rel=1e-6
    )


def test_a_compiled_wrapper_that_is_not_known_leaves_the_reason(tmp_path: Path) -> None:
    training = Training(tmp_path, network(), strict=False)
    training.model = torch.compile(training.model, backend="eager", fullgraph=True)
    with pytest.warns(UserWarning, match="compiled"):
        training.differentiate(0)
    assert training.close().quantities == ()


class Counting(nn.Module):
    """Draws, counts its calls and keeps a moving average that its output depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.register_buffer("mean", torch.zeros(3))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        out = self.layer(x)
        self.mean.mul_(0.5).add_(out.detach().mean(0))
        return F.dropout(out - self.mean)


def test_what_the_model_notes_of_its_calls_is_left_alone(tmp_path: Path) -> None:
    states = []
    for folder in (None, tmp_path):
        torch._dynamo.reset()
        torch.manual_seed(0)
        model = Counting().double()
        trained = train(folder, whole(model, "aot_eager"), config="economy")
        states.append((model.calls, *traces(trained)))
    assert states[0][0] == states[1][0] == STEPS
    for one, other in zip(states[0][1:], states[1][1:], strict=True):
        assert torch.equal(one, other)
    assert "NormTest" in RunLog(tmp_path).quantities


def test_a_pass_that_can_not_be_repeated_leaves_the_reason(tmp_path: Path) -> None:
    class Random(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.own = nn.Linear(5, 3).double(), torch.Generator().manual_seed(0)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) * torch.rand(3, generator=self.own, dtype=torch.float64)

    train(tmp_path, whole(Random(), "eager"))
    log = RunLog(tmp_path)
    assert {"GradNorm", "Loss", "UpdateSize"} <= set(log.quantities)
    assert not {"NormTest", "HessMaxEV", "HessTrace", "Alpha"} & set(log.quantities)
    assert any("another output" in event["message"] for event in log.events)


@pytest.mark.parametrize("way", ["torch.compile", "uncompiled"])
def test_a_compiled_loss_is_left_as_it_is(way: str, tmp_path: Path) -> None:
    for compiled in (False, True):
        torch._dynamo.reset()
        model = whole(network(), "aot_eager") if way == "torch.compile" else network()
        loss_fn: Any = nn.CrossEntropyLoss()
        if compiled:
            loss_fn = torch.compile(loss_fn, backend="aot_eager")
        train(tmp_path / str(compiled), model, loss_fn, config="economy")
        assert loss_fn.reduction == "mean"
    assert_same_logs(tmp_path / "True", tmp_path / "False", rtol=1e-6)


def test_curvature_through_a_compiled_function_that_is_not_known_is_absent(tmp_path: Path) -> None:
    model, loss_fn = network(), nn.CrossEntropyLoss()
    config = [quantities.GradNorm(), quantities.HessMaxEV(), quantities.HessTrace()]
    cockpit = Cockpit(model, None, config=config, logdir=tmp_path, strict=True)
    whole_loss = torch.compile(lambda x, y: loss_fn(model(x), y), backend="aot_eager")
    loss = whole_loss(*batch(0))
    with cockpit(0, loss=loss, batch_size=8):
        loss.backward()
    cockpit.close()
    log = RunLog(tmp_path)
    assert log.quantities == ("GradNorm",)
    assert {event["kind"] for event in log.events} == {"absent"}
