"""What else a loop does inside the context is not taken for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.comparison import assert_inert, traces
from tests.training import Training, batch, mlp

STEPS = 4


def reset_inside(training: Training, step: int) -> None:
    loss = training.loss(*batch(step))
    with training.cockpit(step):
        training.optimizer.zero_grad()
        loss.backward()
    training.optimizer.step()


def clip_inside(training: Training, step: int) -> None:
    def backward(loss: Tensor) -> None:
        loss.backward()
        nn.utils.clip_grad_norm_(training.model.parameters(), 1e-3)

    training.step(step, backward=backward)


def unscale_inside(training: Training, step: int) -> None:
    def backward(loss: Tensor) -> None:
        (1024 * loss).backward()
        for p in training.model.parameters():
            p.grad.div_(1024)

    training.optimizer.zero_grad(set_to_none=False)
    training.differentiate(step, backward=backward)
    training.optimizer.step()


def autocast_around_the_pass(training: Training, step: int) -> None:
    """All of the loop, backward pass and step included."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        training.optimizer.zero_grad()
        x, y = batch(step)
        with torch.autocast("cpu", enabled=False):
            output = training.model(x)
        loss = training.loss_fn(output, y)
        with training.cockpit(step):
            loss.backward()
        training.optimizer.step()


@pytest.mark.parametrize(
    "one_step", [reset_inside, clip_inside, unscale_inside, autocast_around_the_pass]
)
def test_the_gradient_of_the_pass_is_recorded(one_step: Callable, tmp_path: Path) -> None:
    training, expected = Training(tmp_path, config="full"), []
    for step in range(STEPS):
        loss = training.loss(*batch(step))
        grads = torch.autograd.grad(loss, list(training.model.parameters()))
        expected.append(float(torch.cat([g.flatten() for g in grads]).norm()))
        one_step(training, step)
    log = training.close()
    assert log.series("GradNorm").value.tolist() == pytest.approx(expected, rel=1e-6)
    assert len(log.series("NormTest")) == len(log.series("HessMaxEV")) == STEPS
    assert log.events == []


def test_autocast_around_the_loop_is_not_for_cockpit(tmp_path: Path) -> None:
    """The forward pass in half precision, everything of Cockpit's own in single."""
    single = torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        training = Training(
            tmp_path, mlp(single), batches=lambda step: batch(step, dtype=single), config="full"
        )
        log = training.run(range(STEPS)).close()
    assert len(log.series("HessMaxEV")) == len(log.series("TICDiag")) == STEPS
    assert log.events == []


def test_random_numbers_of_hooks_are_those_of_a_run_without(tmp_path: Path) -> None:
    def disturb(module: nn.Module, args: tuple, output: Tensor) -> None:
        output.register_hook(lambda g: g + 0.01 * torch.randn_like(g))

    def run(folder: Path | None) -> list[Tensor]:
        model = mlp()
        model[0].register_forward_hook(disturb)
        Training(folder, model, config="full", strict=False).run(range(STEPS)).close()
        return traces(model)

    assert_inert(run, tmp_path)
