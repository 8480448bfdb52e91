"""The optimizer's step inside the context, or inside the backward pass."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, Configuration, RunLog
from tests.loops.loops import assert_equal, assert_inert, batch, mlp, numbers, start, traces

STEPS = 4


def train(folder: Path | None, inside: bool, known: bool = True, **options: object) -> nn.Module:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, folder, **options)
    if not known and folder is not None:
        cockpit.close()
        cockpit = Cockpit(model, loss_fn, logdir=folder.parent / "unknown", strict=True)
    for step in range(STEPS):
        x, y = batch(step)
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
            if inside:
                optimizer.step()
                optimizer.zero_grad()
        if not inside:
            optimizer.step()
            optimizer.zero_grad()
    cockpit.close()
    return model


def test_a_whole_step_inside_the_context(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tmp_path / "after", inside=False)
        train(tmp_path / "inside", inside=True)
    assert len(RunLog(tmp_path / "inside").series("Alpha")) == STEPS - 1
    assert_equal(numbers(tmp_path / "inside"), numbers(tmp_path / "after"))


def test_an_unknown_optimizer_inside_the_context_leaves_the_reason(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="before the context was left"):
        train(tmp_path / "run", inside=True, known=False)
    assert RunLog(tmp_path / "unknown").quantities == ()


def fused(folder: Path | None) -> nn.Module:
    """Each parameter steps as soon as its gradient is there, which is then let go."""
    model = mlp()
    optimizers = {p: torch.optim.SGD([p], lr=0.3) for p in model.parameters()}

    def step_at_once(p: Tensor) -> None:
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_at_once)
    cockpit, _, loss_fn = start(
        model, folder, optimizer=list(optimizers.values()), config=Configuration("full")
    )
    for step in range(STEPS):
        x, y = batch(step)
        loss = loss_fn(model(x), y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with cockpit(step):
                loss.backward()
    cockpit.close()
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
