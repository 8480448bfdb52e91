"""The optimizer's step inside the context, or inside the backward pass."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Configuration, RunLog
from tests.comparison import assert_inert, assert_same_logs, traces
from tests.training import Training, batch, every_quantity, mlp

STEPS = 4


def train(folder: Path | None, inside: bool, known: bool = True) -> nn.Module:
    config = every_quantity() if known else "economy"
    training = Training(folder, config=config, known=known)
    for step in range(STEPS):
        loss = training.loss(*batch(step))
        with training.cockpit(step):
            loss.backward()
            if inside:
                training.optimizer.step()
                training.optimizer.zero_grad()
        if not inside:
            training.optimizer.step()
            training.optimizer.zero_grad()
    training.close()
    return training.model


def test_a_whole_step_inside_the_context(tmp_path: Path) -> None:
    train(tmp_path / "after", inside=False)
    train(tmp_path / "inside", inside=True)
    assert len(RunLog(tmp_path / "inside").series("Alpha")) == STEPS - 1
    assert_same_logs(tmp_path / "inside", tmp_path / "after")


def test_an_unknown_optimizer_inside_the_context_leaves_the_reason(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="before the context was left"):
        train(tmp_path, inside=True, known=False)
    assert RunLog(tmp_path).quantities == ()


def fused(folder: Path | None) -> nn.Module:
    """Each parameter steps as soon as its gradient is there, which is then let go."""
    model = mlp()
    optimizers = {p: torch.optim.SGD([p], lr=0.3) for p in model.parameters()}

    def step_at_once(p: Tensor) -> None:
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_at_once)
    every, config = list(optimizers.values()), Configuration("full")
    training = Training(folder, model, optimizer=every, config=config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(STEPS):
            training.differentiate(step)
    training.close()
    return model


def test_optimizers_that_step_inside_the_backward_pass_leave_the_reason(tmp_path: Path) -> None:
    fused(tmp_path)
    log = RunLog(tmp_path)
    assert log.quantities == ()
    assert any("before the backward pass was over" in e["message"] for e in log.events)


@pytest.mark.parametrize("way", ["inside", "fused"])
def test_tracking_changes_nothing(way: str, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        model = fused(folder) if way == "fused" else train(folder, inside=True)
        return traces(model)

    assert_inert(run, tmp_path)
