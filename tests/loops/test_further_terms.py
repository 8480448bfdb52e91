"""What is differentiated is a loss that is known, a multiple of it, or more."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, CockpitWarning, RunLog, quantities
from tests.training import batch, mlp

STEPS = 3


def config() -> list[Any]:
    return [
        *(quantities.Loss(), quantities.GradNorm(), quantities.NormTest(), quantities.Alpha()),
        *(quantities.HessMaxEV(rtol=1e-8), quantities.HessTrace(curvature="ggn")),
    ]


def flat(grads: Any) -> Tensor:
    return torch.cat([g.flatten() for g in grads])


def truth(model: nn.Module, objective: Callable, x: Tensor, y: Tensor) -> dict[str, float]:
    """By loops over samples and parameters."""
    parameters = list(model.parameters())
    rows = [
        flat(torch.autograd.grad(objective(model(x[n : n + 1]), y[n : n + 1]), parameters))
        for n in range(len(x))
    ]
    gradients = torch.stack(rows)
    mean, size = gradients.mean(0), len(x)
    loss = objective(model(x), y)
    grad = flat(torch.autograd.grad(loss, parameters, create_graph=True))
    hessian = [flat(torch.autograd.grad(g, parameters, retain_graph=True)) for g in grad]
    spread = ((gradients - mean).square().sum() / (size * (size - 1))).sqrt()
    return {
        "Loss": float(loss.detach()),
        "GradNorm": float(grad.detach().norm()),
        "NormTest": float(spread / mean.norm()),
        "HessMaxEV": float(torch.linalg.eigvalsh(torch.stack(hessian))[-1]),
    }


def train(
    folder: Path,
    objective: Callable,
    differentiated: Callable = lambda loss: loss,
    loss_fn: Any = None,
    told: bool = False,
) -> tuple[RunLog, list[dict[str, float]]]:
    model, expected = mlp(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with (
        warnings.catch_warnings(),
        Cockpit(model, loss_fn, optimizer, config(), folder, strict=True) as cockpit,
    ):
        warnings.simplefilter("ignore", CockpitWarning)
        for step in range(STEPS):
            x, y = batch(step)
            expected.append(truth(model, objective, x, y))
            optimizer.zero_grad()
            loss = objective(model(x), y)
            with cockpit(step, **({"loss": loss} if told else {})):
                differentiated(loss).backward()
            optimizer.step()
    return RunLog(folder), expected


def assert_true(log: RunLog, expected: list[dict[str, float]]) -> None:
    for name in expected[0]:
        values = [numbers[name] for numbers in expected]
        assert list(log.series(name).value) == pytest.approx(values, rel=1e-6), name


def penalized(loss_fn: nn.Module, weight: float = 1.0) -> Callable:
    """A further term of the same outputs."""
    return lambda out, y: weight * loss_fn(out, y) + 0.5 * out.square().mean()


def around(loss_fn: nn.Module) -> Callable:
    """A term that does not pass through what the loss function is given."""

    def objective(out: Tensor, y: Tensor) -> Tensor:
        return loss_fn(out[:, :], y) + 0.5 * out.square().mean()

    return objective


@pytest.mark.parametrize("form", [penalized, around])
def test_a_further_term_of_the_loss_is_in_all_numbers(form: Callable, tmp_path: Path) -> None:
    loss_fn = nn.CrossEntropyLoss()
    log, expected = train(tmp_path, form(loss_fn), loss_fn=loss_fn)
    assert_true(log, expected)
    (event,) = log.events
    assert event["quantity"] == "Alpha"
    assert "losses=…" in event["message"]


def distilled(loss_fn: nn.Module) -> Callable:
    return penalized(loss_fn, 0.1)


def rooted(loss_fn: nn.Module) -> Callable:
    return lambda out, y: loss_fn(out, y).sqrt()


def shifted(loss_fn: nn.Module) -> Callable:
    return lambda out, y: loss_fn(out, y) + 5


def called_twice(loss_fn: nn.Module) -> Callable:
    return lambda out, y: loss_fn(out, y) + loss_fn(out / 2, y)


@pytest.mark.parametrize("form", [distilled, rooted, shifted, called_twice])
def test_an_objective_of_unknown_scale_is_absent_until_it_is_passed(
    form: Callable, tmp_path: Path
) -> None:
    loss_fn = nn.CrossEntropyLoss()
    log, _ = train(tmp_path / "seen", form(loss_fn), loss_fn=loss_fn)
    assert log.quantities == ()
    (event,) = log.events
    assert event["level"] == "caution"
    assert "as loss=…" in event["message"]
    log, expected = train(tmp_path / "told", form(loss_fn), loss_fn=loss_fn, told=True)
    if form is rooted:  # of the mean: no sample has a root of its own
        assert log.notes("NormTest")[0]["individual"] == "contribution"
        for numbers in expected:
            del numbers["NormTest"]
    assert_true(log, expected)


@pytest.mark.parametrize("told", [True, False])
def test_what_is_more_than_the_loss_that_was_passed_is_absent(told: bool, tmp_path: Path) -> None:
    objective, loss_fn = F.cross_entropy, None
    if not told:
        objective = loss_fn = nn.CrossEntropyLoss()

    def more(loss: Tensor) -> Tensor:
        return loss.exp()

    log, _ = train(tmp_path, objective, more, loss_fn, told)
    assert log.quantities == ()
    (event,) = log.events
    assert "more than a multiple" in event["message"]


@pytest.mark.parametrize("multiple", [lambda x: 1024 * x, lambda x: x / 4, lambda x: x.clone()])
@pytest.mark.parametrize("told", [True, False])
def test_a_multiple_of_the_loss_is_that_loss(
    told: bool, multiple: Callable, tmp_path: Path
) -> None:
    loss_fn = nn.CrossEntropyLoss()
    log, expected = train(tmp_path, loss_fn, multiple, loss_fn, told)
    assert_true(log, expected)
    assert log.events == []


def test_a_loss_that_was_changed_in_place_is_absent(tmp_path: Path) -> None:
    def quarter(loss: Tensor) -> Tensor:
        loss /= 4
        return loss

    loss_fn = nn.CrossEntropyLoss()
    log, _ = train(tmp_path, loss_fn, quarter, loss_fn)
    assert log.quantities == ()
    assert "changed in place" in log.events[0]["message"]


def test_an_unreduced_loss_module_and_what_was_passed(tmp_path: Path) -> None:
    model, expected = mlp(), []
    loss_fn = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with Cockpit(
        model, loss_fn, optimizer, config(), tmp_path, strict=True, reduction="mean"
    ) as cockpit:
        for step in range(STEPS):
            x, y = batch(step)
            expected.append(truth(model, F.cross_entropy, x, y))
            optimizer.zero_grad()
            losses = loss_fn(model(x), y)
            loss = losses.mean()
            with cockpit(step, loss=loss, losses=losses):
                loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    assert_true(log, expected)
    assert len(log.series("Alpha")) == STEPS - 1
    assert log.events == []


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_batch_is_that_of_the_forward_pass_behind_the_loss(
    reduction: str, tmp_path: Path
) -> None:
    """Predictions for the progress bar, without no_grad, come between loss and context."""
    model, loss_fn = mlp(), nn.CrossEntropyLoss(reduction=reduction)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
    expected, chosen = [], [quantities.Loss(), quantities.GradNorm(), quantities.NormTest()]
    with Cockpit(model, loss_fn, optimizer, chosen, tmp_path, strict=True) as cockpit:
        for step in range(STEPS):
            x, y = batch(step)
            expected.append(truth(model, F.cross_entropy, x, y))
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            model(x[:3]).argmax(1)
            with cockpit(step):
                loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    assert log.batch_sizes.value.tolist() == [8] * STEPS
    for name in log.quantities:
        values = [numbers[name] for numbers in expected]
        assert list(log.series(name).value) == pytest.approx(values, rel=1e-6), name


def test_arguments_of_the_loss_in_another_order(tmp_path: Path) -> None:
    """The target first: the model's output is what carries a gradient."""
    model, loss_fn = mlp(), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    traces = {}
    for order in ("output first", "target first"):
        chosen = [quantities.HessTrace(curvature="ggn"), quantities.NormTest()]
        folder = tmp_path / order
        with Cockpit(model, loss_fn, optimizer, chosen, folder, strict=True) as cockpit:
            x, _ = batch(0)
            pair = model(x), torch.ones(8, 3, dtype=x.dtype)
            loss = loss_fn(*(pair if order == "output first" else pair[::-1]))
            with cockpit(0):
                loss.backward()
        traces[order] = [RunLog(folder).series(q.name).value[0] for q in chosen]
    assert traces["target first"] == pytest.approx(traces["output first"], rel=1e-9)
