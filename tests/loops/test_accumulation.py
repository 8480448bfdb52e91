"""Gradient accumulation: the micro-batches of a step are recorded as the one batch they make."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit import CockpitWarning, Configuration, RunLog, linear, quantities
from tests.comparison import assert_inert, assert_same_logs, numbers, traces
from tests.training import Training, batch, every_quantity, mlp, norm_test

STEPS = 4
SIZES = {"equal": (4, 4, 4), "unequal": (5, 1, 6), "one": (12,)}
STYLES = ("context each", "context around")


def train(
    folder: Path | None,
    sizes: tuple[int, ...],
    style: str,
    reduction: str = "mean",
    scale: float = 1.0,
    model: nn.Module | None = None,
    **options: Any,
) -> nn.Module:
    """Steps of SGD on batches of 12, cut into micro-batches; the same training for all cuts."""
    loss_fn = nn.CrossEntropyLoss(reduction=reduction)
    training = Training(folder, model, loss_fn, **{"config": every_quantity(), **options})
    around = style == "context around"
    for step in range(STEPS):
        x, y = batch(step, 12)
        training.optimizer.zero_grad()
        with training.cockpit(step) if around else nullcontext():
            for one, other in zip(x.split(sizes), y.split(sizes), strict=True):
                weight = len(one) / 12 if reduction == "mean" else 1 / 12
                loss = training.loss(one, other)
                with nullcontext() if around else training.cockpit(step):
                    (loss * weight * scale).backward()
        for p in training.model.parameters():
            p.grad /= scale
        training.optimizer.step()
    training.close()
    return training.model


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_micro_batches_are_one_batch(
    sizes: str, style: str, reduction: str, tmp_path: Path
) -> None:
    train(tmp_path / "whole", SIZES["one"], "context each", reduction)
    train(tmp_path / "parts", SIZES[sizes], style, reduction, scale=1024.0)
    log = RunLog(tmp_path / "parts")
    assert len(log.series("Alpha")) == STEPS - 1
    assert_same_logs(tmp_path / "parts", tmp_path / "whole")
    assert log.events == []
    assert log.batch_sizes.value.tolist() == [12] * STEPS


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
    training = Training(tmp_path, model, config=every_quantity())
    x, y = batch(0, 12)
    x[:5], x[5:] = x[:5].abs(), -x[5:].abs()
    for part in (slice(0, 5), slice(5, 12)):
        training.differentiate(0, (x[part], y[part]))
    rows = []
    for n in range(12):
        loss = training.loss(x[n : n + 1], y[n : n + 1])
        grads = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in grads]))
    training.optimizer.step()
    g, log = torch.stack(rows), training.close()
    expected = float(((g - g.mean(0)).square().sum() / (12 * 11)).sqrt() / g.mean(0).norm())
    assert log.series("NormTest").value[0] == pytest.approx(expected, rel=1e-8)
    assert log.series("GradNorm").value[0] == pytest.approx(float(g.mean(0).norm()), rel=1e-8)
    counted = log.histogram("GradHist1d", 0)[1].network
    assert counted.zeros == int((g == 0).sum())
    assert counted.counts.sum() + counted.under + counted.over == g.numel()


def test_the_largest_eigenvalue_is_that_of_the_first_part_and_says_so(tmp_path: Path) -> None:
    config = [quantities.HessMaxEV(rtol=1e-8)]
    train(tmp_path / "parts", SIZES["equal"], "context each", config=config)
    alone, (x, y) = Training(tmp_path / "first", config=config), batch(0, 12)
    alone.differentiate(0, (x[:4], y[:4]))
    parts, first = RunLog(tmp_path / "parts"), alone.close()
    expected = first.series("HessMaxEV").value[0]
    assert parts.series("HessMaxEV").value[0] == pytest.approx(expected, rel=1e-5)
    assert parts.notes("HessMaxEV")[0]["parts"] == "1 of 3"
    assert "parts" not in first.notes("HessMaxEV")[0]


def test_schedules_count_steps_and_not_micro_batches(tmp_path: Path) -> None:
    config = [quantities.Loss(linear(2)), quantities.Alpha(linear(2))]
    train(tmp_path / "run", SIZES["equal"], "context each", config=config)
    train(tmp_path / "whole", SIZES["one"], "context each", config=config)
    assert list(RunLog(tmp_path / "run").series("Loss").step) == [0, 2]
    assert_same_logs(tmp_path / "run", tmp_path / "whole")


def test_different_weights_of_the_samples_are_said_once(tmp_path: Path) -> None:
    training = Training(tmp_path)
    for step in range(2):
        training.optimizer.zero_grad()
        for part, weight in enumerate((0.9, 0.1)):
            weighed = lambda loss, weight=weight: (loss * weight).backward()  # noqa: E731
            training.differentiate(step, batch(2 * step + part), weighed)
        training.optimizer.step()
    (event,) = training.close().events
    assert "different weights" in event["message"]


def test_a_micro_batch_that_is_not_differentiated_is_left_out(tmp_path: Path) -> None:
    training = Training(tmp_path)
    with pytest.warns(CockpitWarning, match="further backward pass of the step is left out"):
        training.differentiate(0, batch(0))
        training.differentiate(0, batch(1), backward=lambda loss: None)
        training.differentiate(0, batch(2))
    assert training.close().batch_sizes.value.tolist() == [16]


def test_another_loss_of_the_same_forward_pass_is_no_micro_batch(tmp_path: Path) -> None:
    training, (x, y) = Training(tmp_path), batch(0)
    output = training.model(x)
    with pytest.warns(CockpitWarning, match="left out"):
        for target in (y, y.flip(0)):
            loss = training.loss_fn(output, target)
            with training.cockpit(0):
                loss.backward(retain_graph=True)
    assert training.close().batch_sizes.value.tolist() == [8]


def test_without_an_optimizer_the_parts_are_seen_all_the_same(tmp_path: Path) -> None:
    logs = {}
    for known in (True, False):
        config = [q for q in every_quantity() if q.name not in ("CABS", "EarlyStopping")]
        training = Training(tmp_path / str(known), config=config, known=known)
        for step in range(STEPS):
            training.optimizer.zero_grad()
            for part in range(2):
                loss = training.loss(*batch(2 * step + part)) / 2
                with training.cockpit(step, loss=loss):
                    loss.backward()
            training.optimizer.step()
        training.close()
        logs[known] = numbers(tmp_path / str(known))
    # Without an optimizer, the last step ends unseen.
    for name, values in logs[True].items():
        if isinstance(values, dict):
            values.pop(STEPS - 1, None)
            logs[False][name].pop(STEPS - 1, None)
            assert logs[False][name] == pytest.approx(values, rel=1e-9), name
