"""Backward passes inside the context that are not the training's, or another cockpit's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, CockpitWarning, RunLog
from tests.comparison import assert_inert, assert_same_logs, traces
from tests.training import Training, batch, every_quantity, mlp, norm_test

STEPS = 3
Pass = Callable[[nn.Module, nn.Module, Tensor, Tensor], None]


def plain(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    loss_fn(model(x), y).backward()


def looking_at_a_layer(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    """The gradient of one weight alone, for a plot."""
    loss = loss_fn(model(x), y)
    torch.autograd.grad(loss, model[2].weight, retain_graph=True)
    loss.backward()


def looking_at_all(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    loss = loss_fn(model(x), y)
    torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    loss.backward()


def looking_at_the_input(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    """For a picture of what the network looks at."""
    seen = x.clone().requires_grad_()
    torch.autograd.grad(loss_fn(model(seen), y), seen)
    loss_fn(model(x), y).backward()


def filling_the_input(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    """The same by ``backward``."""
    seen = x.clone().requires_grad_()
    loss_fn(model(seen), y).backward(inputs=[seen])
    loss_fn(model(x), y).backward()


def twice_at_once(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    """Two passes through one graph: twice the gradient of these samples."""
    loss = loss_fn(model(x), y)
    loss.backward(retain_graph=True)
    loss.backward()
    for p in model.parameters():
        p.grad /= 2


def another_network(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    with torch.random.fork_rng(devices=[]):
        other = nn.Linear(5, 3).double()
    loss_fn(other(x), y).backward()
    loss_fn(model(x), y).backward()
    other(x).sum().backward()


def a_loss_only_looked_at(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    loss = loss_fn(model(x), y)
    loss_fn(model(x[:3]), y[:3])
    loss.backward()


def train(folder: Path | None, one_pass: Pass) -> nn.Module:
    training = Training(folder, config=every_quantity())
    for step in range(STEPS):
        training.optimizer.zero_grad()
        with training.cockpit(step):
            one_pass(training.model, training.loss_fn, *batch(step))
        training.optimizer.step()
    training.close()
    return training.model


OTHERS = [
    *(looking_at_a_layer, looking_at_all, looking_at_the_input, filling_the_input),
    *(twice_at_once, another_network),
]


@pytest.mark.parametrize("one_pass", OTHERS)
def test_passes_of_another_purpose_are_passed_over(one_pass: Pass, tmp_path: Path) -> None:
    train(tmp_path / "plain", plain)
    train(tmp_path / "other", one_pass)
    assert RunLog(tmp_path / "other").events == []
    assert_same_logs(tmp_path / "other", tmp_path / "plain")


def test_the_loss_that_is_differentiated_need_not_be_the_last(tmp_path: Path) -> None:
    train(tmp_path / "plain", plain)
    train(tmp_path / "other", a_loss_only_looked_at)
    for name in ("Loss", "GradNorm", "NormTest"):
        logs = [RunLog(tmp_path / which) for which in ("plain", "other")]
        values = [list(log.series(name).value) for log in logs]
        assert values[1] == pytest.approx(values[0], rel=1e-9), name
        assert logs[1].batch_sizes.value.tolist() == [8] * STEPS


@pytest.mark.parametrize("one_pass", OTHERS)
def test_tracking_them_changes_nothing(one_pass: Pass, tmp_path: Path) -> None:
    assert_inert(lambda folder: traces(train(folder, one_pass)), tmp_path)


def test_gradients_that_are_reset_inside_are_no_micro_batch(tmp_path: Path) -> None:
    def attacked(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
        loss_fn(model(x), y).backward()
        model.zero_grad()
        loss_fn(model(x + 0.1), y).backward()

    train(tmp_path, attacked)
    log = RunLog(tmp_path)
    assert log.batch_sizes.value.tolist() == [8] * STEPS
    assert ["the gradients were reset" in event["message"] for event in log.events] == [True]
    x, y = batch(0)
    assert log.series("NormTest").value[0] == pytest.approx(norm_test(mlp(), x, y), rel=1e-6)


def test_torch_is_as_before_when_nobody_watches(tmp_path: Path) -> None:
    entry = torch.autograd._engine_run_backward
    model = mlp()
    trainings = [Training(tmp_path / str(i), model) for i in range(2)]
    cockpits = [training.cockpit for training in trainings]
    loss = trainings[0].loss(*batch(0))
    with cockpits[0](0, loss=loss):
        with cockpits[1](0, loss=loss):
            loss.backward(retain_graph=True)
        assert torch.autograd._engine_run_backward is not entry
    assert torch.autograd._engine_run_backward is entry
    with pytest.raises(ZeroDivisionError), cockpits[0](1, loss=loss):
        raise ZeroDivisionError
    assert torch.autograd._engine_run_backward is entry


def both(folder: Path, models: list[nn.Module], told: bool, turned: bool) -> list[RunLog]:
    """A cockpit around each part of one network, or two around the same."""
    parameters = {p for model in models for p in model.parameters()}
    optimizer = torch.optim.SGD(parameters, lr=0.3)
    whole = models[0] if models[0] is models[1] else nn.Sequential(*models)
    loss_fn = nn.CrossEntropyLoss()
    folders = [folder / str(i) for i in range(2)]
    cockpits: list[Any] = [
        Cockpit(model, None if told else loss_fn, optimizer, every_quantity(), place, strict=True)
        for model, place in zip(models, folders, strict=True)
    ]
    for step in range(STEPS):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(whole(x), y) if told else loss_fn(whole(x), y)
        with ExitStack() as stack:
            for cockpit in reversed(cockpits) if turned else cockpits:
                stack.enter_context(cockpit(step, **({"loss": loss} if told else {})))
            loss.backward()
        optimizer.step()
    for cockpit in cockpits:
        cockpit.close()
    return [RunLog(place) for place in folders]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_two_cockpits_in_each_other_do_not_see_each_other(
    told: bool, turned: bool, tmp_path: Path
) -> None:
    model = mlp()
    both(tmp_path, [model, model], told, turned)
    folder = tmp_path / "alone"
    options = {"loss": lambda loss: loss} if told else {}
    loss_fn = F.cross_entropy if told else nn.CrossEntropyLoss()
    training = Training(folder, loss_fn=loss_fn, config=every_quantity())
    training.run(range(STEPS), **options).close()
    for place in ("0", "1"):
        assert_same_logs(tmp_path / place, folder)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_two_parts_of_a_network(told: bool, turned: bool, tmp_path: Path) -> None:
    whole = mlp()
    encoder, head = nn.Sequential(whole[0], whole[1]), whole[2]
    grads = []
    for step in range(1):
        x, y = batch(step)
        loss = F.cross_entropy(whole(x), y)
        for part in (encoder, head):
            found = torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)
            grads.append(float(torch.cat([g.flatten() for g in found]).norm()))
    logs = both(tmp_path, [encoder, head], told, turned)
    assert [log.series("GradNorm").value[0] for log in logs] == pytest.approx(grads, rel=1e-6)
    assert all(len(log.series("NormTest")) == STEPS for log in logs)


def test_a_wrapper_of_others_does_not_make_two_passes_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody wraps torch's entry inside a context, and leaves it so."""
    entry = "_engine_run_backward"
    monkeypatch.setattr(
        torch.autograd, entry, getattr(torch.autograd, entry)
    )  # put back at the end
    training = Training(tmp_path)
    for step in range(3):
        x, y = batch(step)
        training.optimizer.zero_grad()
        loss = training.loss(x, y)
        with training.cockpit(step):
            if step == 0:
                setattr(torch.autograd, entry, partial(getattr(torch.autograd, entry)))
            (loss / 4).backward()
        training.optimizer.step()
    log = training.close()
    assert list(log.series("GradNorm").step) == [0, 1, 2]


def test_a_pass_that_begins_at_an_edge_is_absent_with_the_reason(tmp_path: Path) -> None:
    training = Training(tmp_path)
    loss = training.loss(*batch(0))
    with pytest.warns(CockpitWarning, match="an edge of the graph"), training.cockpit(0):
        edge = torch.autograd.graph.get_gradient_edge(loss)
        torch.autograd.backward((edge,), (torch.ones_like(loss),))
    assert all(p.grad is not None for p in training.model.parameters())
    training.close()
