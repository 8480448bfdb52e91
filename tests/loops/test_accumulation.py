"""Gradient accumulation: the micro-batches of a step are recorded as the one batch they make."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, CockpitWarning, Configuration, RunLog, linear, quantities
from tests.loops.loops import (
    assert_equal,
    assert_inert,
    batch,
    every_quantity,
    mlp,
    norm_test,
    numbers,
    start,
    traces,
)

STEPS = 4
SIZES = {"equal": (4, 4, 4), "unequal": (5, 1, 6), "one": (12,)}
STYLES = ("context each", "context around")


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def train(
    folder: Path | None,
    sizes: tuple[int, ...],
    style: str,
    reduction: str = "mean",
    scale: float = 1.0,
    model: nn.Module | None = None,
    **options: object,
) -> nn.Module:
    """Steps of SGD on batches of 12, cut into micro-batches; the same training for all cuts."""
    model = model or mlp()
    loss_fn = nn.CrossEntropyLoss(reduction=reduction)
    cockpit, optimizer, _ = start(model, folder, loss_fn=loss_fn, **options)
    for step in range(STEPS):
        x, y = batch(step, 12)
        optimizer.zero_grad()
        around = cockpit(step) if style == "context around" else contextlib.nullcontext()
        with around:
            for one, other in zip(x.split(sizes), y.split(sizes), strict=True):
                weight = len(one) / 12 if reduction == "mean" else 1 / 12
                loss = loss_fn(model(one), other)
                with contextlib.nullcontext() if style == "context around" else cockpit(step):
                    (loss * weight * scale).backward()
        for p in model.parameters():
            p.grad /= scale
        optimizer.step()
    cockpit.close()
    return model


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_micro_batches_are_one_batch(
    sizes: str, style: str, reduction: str, tmp_path: Path
) -> None:
    train(tmp_path / "whole", SIZES["one"], "context each", reduction)
    train(tmp_path / "parts", SIZES[sizes], style, reduction, scale=1024.0)
    whole, parts = numbers(tmp_path / "whole"), numbers(tmp_path / "parts")
    assert len(whole["Alpha"]) == STEPS - 1
    assert_equal(parts, whole)
    assert RunLog(tmp_path / "parts").events == []
    assert RunLog(tmp_path / "parts").batch_sizes.value.tolist() == [12] * STEPS


def test_the_norm_test_of_a_naive_loop(tmp_path: Path) -> None:
    train(tmp_path / "run", SIZES["unequal"], "context each")
    expected = norm_test(mlp(), *batch(0, 12))
    assert RunLog(tmp_path / "run").series("NormTest").value[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("style", STYLES)
def test_tracking_accumulation_changes_nothing(style: str, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        model = nn.Sequential(mlp(), nn.Dropout(0.5), nn.BatchNorm1d(3)).double()
        train(folder, (7, 5), style, model=model, config=Configuration("full"))
        return traces(model)

    assert_inert(run, tmp_path / "run")
    assert {"Alpha", "HessMaxEV", "TICDiag"} <= set(RunLog(tmp_path / "run").quantities)


class Branches(nn.Module):
    """Uses one of its layers for some batches only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.first if x.sum() > 0 else self.second
        return self.head(torch.tanh(chosen(x)))


def test_a_layer_that_only_some_micro_batches_use(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Branches().double()
    cockpit, optimizer, loss_fn = start(model, tmp_path / "run")
    x, y = batch(0, 12)
    x[:5], x[5:] = x[:5].abs(), -x[5:].abs()
    for part in (slice(0, 5), slice(5, 12)):
        loss = loss_fn(model(x[part]), y[part])
        with cockpit(0):
            loss.backward()
    rows = []
    for n in range(12):
        loss = loss_fn(model(x[n : n + 1]), y[n : n + 1])
        grads = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in grads]))
    optimizer.step()
    cockpit.close()
    g = torch.stack(rows)
    log = RunLog(tmp_path / "run")
    expected = float(((g - g.mean(0)).square().sum() / (12 * 11)).sqrt() / g.mean(0).norm())
    assert log.series("NormTest").value[0] == pytest.approx(expected, rel=1e-8)
    assert log.series("GradNorm").value[0] == pytest.approx(float(g.mean(0).norm()), rel=1e-8)
    counted = log.histogram("GradHist1d", 0)[1].network
    assert counted.zeros == int((g == 0).sum())
    assert counted.counts.sum() + counted.under + counted.over == g.numel()


def test_the_largest_eigenvalue_is_that_of_the_first_part_and_says_so(tmp_path: Path) -> None:
    config = [quantities.HessMaxEV(rtol=1e-8)]
    train(tmp_path / "parts", SIZES["equal"], "context each", config=config)
    model, loss_fn = mlp(), nn.CrossEntropyLoss()
    with Cockpit(model, loss_fn, config=config, logdir=tmp_path / "first", strict=True) as cockpit:
        x, y = batch(0, 12)
        loss = loss_fn(model(x[:4]), y[:4])
        with cockpit(0):
            loss.backward()
    parts, first = RunLog(tmp_path / "parts"), RunLog(tmp_path / "first")
    expected = first.series("HessMaxEV").value[0]
    assert parts.series("HessMaxEV").value[0] == pytest.approx(expected, rel=1e-5)
    assert parts.notes("HessMaxEV")[0]["parts"] == "1 of 3"
    assert "parts" not in first.notes("HessMaxEV")[0]


def test_schedules_count_steps_and_not_micro_batches(tmp_path: Path) -> None:
    config = [quantities.Loss(linear(2)), quantities.Alpha(linear(2))]
    train(tmp_path / "run", SIZES["equal"], "context each", config=config)
    train(tmp_path / "whole", SIZES["one"], "context each", config=config)
    assert list(RunLog(tmp_path / "run").series("Loss").step) == [0, 2]
    assert_equal(numbers(tmp_path / "run"), numbers(tmp_path / "whole"))


def test_different_weights_of_the_samples_are_said_once(tmp_path: Path) -> None:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path / "run")
    for step in range(2):
        optimizer.zero_grad()
        for part, weight in enumerate((0.9, 0.1)):
            x, y = batch(2 * step + part)
            loss = loss_fn(model(x), y)
            with cockpit(step):
                (loss * weight).backward()
        optimizer.step()
    cockpit.close()
    (event,) = RunLog(tmp_path / "run").events
    assert "different weights" in event["message"]


def test_a_micro_batch_that_is_not_differentiated_is_left_out(tmp_path: Path) -> None:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path / "run")
    with pytest.warns(CockpitWarning, match="further backward pass of the step is left out"):
        for part in range(3):
            x, y = batch(part)
            loss = loss_fn(model(x), y)
            with cockpit(0):
                if part != 1:
                    loss.backward()
    cockpit.close()
    assert RunLog(tmp_path / "run").batch_sizes.value.tolist() == [16]


def test_another_loss_of_the_same_forward_pass_is_no_micro_batch(tmp_path: Path) -> None:
    model = mlp()
    cockpit, _, loss_fn = start(model, tmp_path / "run")
    x, y = batch(0)
    output = model(x)
    with pytest.warns(CockpitWarning, match="left out"):
        for target in (y, y.flip(0)):
            loss = loss_fn(output, target)
            with cockpit(0):
                loss.backward(retain_graph=True)
    cockpit.close()
    assert RunLog(tmp_path / "run").batch_sizes.value.tolist() == [8]


def test_without_an_optimizer_the_parts_are_seen_all_the_same(tmp_path: Path) -> None:
    logs = {}
    for known in (True, False):
        model, loss_fn = mlp(), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        folder = tmp_path / str(known)
        config = [q for q in every_quantity() if q.name not in ("CABS", "EarlyStopping")]
        cockpit = Cockpit(model, loss_fn, optimizer if known else None, config, folder, strict=True)
        for step in range(STEPS):
            optimizer.zero_grad()
            for part in range(2):
                x, y = batch(2 * step + part)
                loss = loss_fn(model(x), y) / 2
                with cockpit(step, loss=loss):
                    loss.backward()
            optimizer.step()
        cockpit.close()
        logs[known] = numbers(folder)
    # Without an optimizer, the last step ends unseen.
    for name, values in logs[True].items():
        if isinstance(values, dict):
            values.pop(STEPS - 1, None)
            logs[False][name].pop(STEPS - 1, None)
            assert logs[False][name] == pytest.approx(values, rel=1e-9), name
