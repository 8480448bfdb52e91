"""What else a loop does inside the context is not taken for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog

STEPS = 4


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (8,), generator=generator)


def reset_inside(cockpit: Cockpit, model: nn.Module, optimizer, step: int, loss_fn) -> None:
    loss = loss_fn(model(batch(step)[0]), batch(step)[1])
    with cockpit(step):
        optimizer.zero_grad()
        loss.backward()
    optimizer.step()


def clip_inside(cockpit: Cockpit, model: nn.Module, optimizer, step: int, loss_fn) -> None:
    optimizer.zero_grad()
    loss = loss_fn(model(batch(step)[0]), batch(step)[1])
    with cockpit(step):
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    optimizer.step()


def unscale_inside(cockpit: Cockpit, model: nn.Module, optimizer, step: int, loss_fn) -> None:
    optimizer.zero_grad(set_to_none=False)
    loss = loss_fn(model(batch(step)[0]), batch(step)[1])
    with cockpit(step):
        (1024 * loss).backward()
        for p in model.parameters():
            p.grad.div_(1024)
    optimizer.step()


def autocast_around_the_pass(
    cockpit: Cockpit, model: nn.Module, optimizer, step: int, loss_fn
) -> None:
    """All of the loop, backward pass and step included."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        optimizer.zero_grad()
        x, y = batch(step)
        with torch.autocast("cpu", enabled=False):
            output = model(x)
        loss = loss_fn(output, y)
        with cockpit(step):
            loss.backward()
        optimizer.step()


@pytest.mark.parametrize(
    "one_step", [reset_inside, clip_inside, unscale_inside, autocast_around_the_pass]
)
def test_the_gradient_of_the_pass_is_recorded(one_step: Callable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = (
        nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)),
        nn.CrossEntropyLoss(),
    )
    model.double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    expected = []
    with Cockpit(model, loss_fn, optimizer, "full", tmp_path, strict=True) as cockpit:
        for step in range(STEPS):
            x, y = batch(step)
            grads = torch.autograd.grad(loss_fn(model(x), y), list(model.parameters()))
            expected.append(float(torch.cat([g.flatten() for g in grads]).norm()))
            one_step(cockpit, model, optimizer, step, loss_fn)
    log = RunLog(tmp_path)
    assert log.series("GradNorm").value.tolist() == pytest.approx(expected, rel=1e-6)
    assert len(log.series("NormTest")) == len(log.series("HessMaxEV")) == STEPS
    assert log.events == []


def test_autocast_around_the_loop_is_not_for_cockpit(tmp_path: Path) -> None:
    """The forward pass in half precision, everything of Cockpit's own in single."""
    torch.manual_seed(0)
    model, loss_fn = (
        nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)),
        nn.CrossEntropyLoss(),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with Cockpit(model, loss_fn, optimizer, "full", tmp_path, strict=True) as cockpit:
            for step in range(STEPS):
                x, y = batch(step)
                optimizer.zero_grad()
                loss = loss_fn(model(x.float()), y)
                with cockpit(step):
                    loss.backward()
                optimizer.step()
    log = RunLog(tmp_path)
    assert len(log.series("HessMaxEV")) == len(log.series("TICDiag")) == STEPS
    assert log.events == []


def test_random_numbers_of_hooks_are_those_of_a_run_without(tmp_path: Path) -> None:
    def train(folder: Path | None) -> list[Tensor]:
        torch.manual_seed(0)
        first, last, loss_fn = nn.Linear(5, 6), nn.Linear(6, 3), nn.CrossEntropyLoss()
        model = nn.Sequential(first, nn.Tanh(), last).double()

        def disturb(module: nn.Module, args: tuple, output: Tensor) -> None:
            output.register_hook(lambda g: g + 0.01 * torch.randn_like(g))

        first.register_forward_hook(disturb)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        cockpit = None if folder is None else Cockpit(model, loss_fn, optimizer, "full", folder)
        for step in range(STEPS):
            x, y = batch(step)
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            if cockpit is None:
                loss.backward()
            else:
                with cockpit(step):
                    loss.backward()
            optimizer.step()
        if cockpit is not None:
            cockpit.close()
        return [p.detach().clone() for p in model.parameters()]

    for one, other in zip(train(None), train(tmp_path), strict=True):
        assert torch.equal(one, other)
