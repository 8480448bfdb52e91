"""What happens between two steps: schedulers, clipping, validation, steps that are left out."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.comparison import assert_same_logs
from tests.references import update_size
from tests.training import Training, batch, every_quantity, mlp, norm_test, state

STEPS = 5


def sizes_of(states: list[dict[str, Tensor]]) -> list[float]:
    """Lengths of the updates between them."""
    return [update_size(a, b).network for a, b in itertools.pairwise(states)]


@pytest.mark.parametrize("to_none", [True, False])
def test_optimizers_that_step_at_different_times(to_none: bool, tmp_path: Path) -> None:
    """The second one steps at every other step, on gradients of two steps."""
    model = mlp()
    every = torch.optim.SGD(model[0].parameters(), lr=0.3)
    second = torch.optim.Adam(model[2].parameters(), lr=0.01)
    training = Training(tmp_path, model, optimizer=[every, second])
    expected, states = [], [state(model)]
    for step in range(STEPS):
        expected.append(norm_test(model, *batch(step)))
        every.zero_grad(set_to_none=to_none)
        training.differentiate(step)
        every.step()
        if step % 2:
            second.step()
            second.zero_grad(set_to_none=to_none)
        states.append(state(model))
    log = training.close()
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    assert list(log.series("UpdateSize").value) == pytest.approx(sizes_of(states), rel=1e-6)
    assert list(log.series("Alpha").step) == list(range(STEPS - 1))


def test_parameters_that_are_changed_between_two_steps_leave_no_alpha(tmp_path: Path) -> None:
    """Clipped weights, averaged weights, a checkpoint that is loaded: no end of an update."""
    training = Training(tmp_path)
    for step in range(STEPS):
        training.step(step)
        if step == 2:
            for p in training.model.parameters():
                p.data.clamp_(-0.1, 0.1)
    log = training.close()
    assert list(log.series("Alpha").step) == [0, 1, 3]
    (event,) = log.events
    assert "the parameters changed between" in event["message"]


def test_clipping_and_schedulers(tmp_path: Path) -> None:
    training = Training(tmp_path)
    model, optimizer = training.model, training.optimizer
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    norms, states = [], [state(model)]
    for step in range(STEPS):
        optimizer.zero_grad()
        training.differentiate(step)
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 0.05)))
        optimizer.step()
        scheduler.step()
        states.append(state(model))
    log, sizes = training.close(), sizes_of(states)
    assert list(log.series("GradNorm").value) == pytest.approx(norms, rel=1e-6)
    assert list(log.series("UpdateSize").value) == pytest.approx(sizes, rel=1e-6)
    assert sizes[0] == pytest.approx(0.3 * 0.05, rel=1e-3)
    assert log.lr[1][:, 0].tolist() == pytest.approx([0.3 * 0.5**step for step in range(STEPS)])


@pytest.mark.parametrize("gradients", [True, False], ids=["with gradients", "no_grad"])
def test_validation_between_the_steps(gradients: bool, tmp_path: Path) -> None:
    for validating in (False, True):
        training = Training(tmp_path / str(validating), config=every_quantity())
        for step in range(STEPS):
            training.step(step)
            if validating:
                training.model.eval()
                with torch.set_grad_enabled(gradients):
                    training.loss(*batch(99, 31))
                training.model.train()
        training.close()
    assert_same_logs(tmp_path / "True", tmp_path / "False")


def test_steps_without_a_backward_pass(tmp_path: Path) -> None:
    training = Training(tmp_path)
    for step in range(STEPS):
        if step == 2:
            training.loss(*batch(step))
        else:
            training.step(step)
    log = training.close()
    assert list(log.series("Loss").step) == [0, 1, 3, 4]
    assert list(log.series("Alpha").step) == [0, 1, 3]
    assert log.events == []


def test_step_numbers_may_begin_anywhere_and_go_back(tmp_path: Path) -> None:
    log = Training(tmp_path).run((700, 701, 702, 300, 301)).close()
    assert len(log.series("Loss")) == 5
    assert log.events == []


def test_losses_that_are_only_looked_at_do_not_disturb(tmp_path: Path) -> None:
    """One before the context with its graph, one inside before the pass, one after it."""
    for looking in (False, True):
        training = Training(tmp_path / str(looking))
        for step in range(STEPS):
            x, y = batch(step)
            training.optimizer.zero_grad()
            if looking:
                training.loss(*batch(99))
            with training.cockpit(step):
                loss = training.loss(x, y)
                if looking:
                    training.loss_fn(training.model(x).roll(1, 0), y)
                loss.backward()
                if looking:
                    training.loss(x, y)
            training.optimizer.step()
        log = training.close()
    assert_same_logs(tmp_path / "True", tmp_path / "False")
    assert log.events == []


def test_steps_outside_the_context_leave_no_alpha(tmp_path: Path) -> None:
    training = Training(tmp_path)
    for step in range(7):
        if step % 3 == 0:
            training.step(step)
        else:
            training.optimizer.zero_grad()
            training.loss(*batch(step)).backward()
            training.optimizer.step()
    log = training.close()
    assert list(log.series("Loss").step) == [0, 3, 6]
    assert "Alpha" not in log.quantities
    assert any("two steps in a row" in event["message"] for event in log.events)


def test_gradients_that_were_there_before_do_not_count(tmp_path: Path) -> None:
    for kept in (False, True):
        training = Training(tmp_path / str(kept))
        if kept:
            for p in training.model.parameters():
                p.grad = torch.ones_like(p)
        training.differentiate(0)
        training.close()
    assert_same_logs(tmp_path / "True", tmp_path / "False")
