"""Several optimizers, networks that train in turns, and what else happens between two steps."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog
from tests.loops.loops import (
    NoCockpit,
    assert_equal,
    assert_inert,
    batch,
    mlp,
    norm_test,
    numbers,
    start,
    traces,
)
from tests.references import update_size

STEPS = 5


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def _norm(model: nn.Module) -> float:
    grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return float(torch.cat(grads).norm())


@pytest.mark.parametrize("to_none", [True, False])
def test_optimizers_that_step_at_different_times(to_none: bool, tmp_path: Path) -> None:
    """The second one steps at every other step, on gradients of two steps."""
    model, loss_fn = mlp(), nn.CrossEntropyLoss()
    every = torch.optim.SGD(model[0].parameters(), lr=0.3)
    second = torch.optim.Adam(model[2].parameters(), lr=0.01)
    cockpit = Cockpit(model, loss_fn, [every, second], logdir=tmp_path, strict=True)
    expected, states = [], [_state(model)]
    for step in range(STEPS):
        x, y = batch(step)
        expected.append(norm_test(model, x, y))
        every.zero_grad(set_to_none=to_none)
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        every.step()
        if step % 2:
            second.step()
            second.zero_grad(set_to_none=to_none)
        states.append(_state(model))
    cockpit.close()
    log = RunLog(tmp_path)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    sizes = [update_size(a, b).network for a, b in itertools.pairwise(states)]
    assert list(log.series("UpdateSize").value) == pytest.approx(sizes, rel=1e-6)
    assert list(log.series("Alpha").step) == list(range(STEPS - 1))


class Adversaries:
    """A generator and a discriminator, each with an optimizer."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5)).double()
        self.critic = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1)).double()
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.of_generator = torch.optim.Adam(self.generator.parameters(), lr=0.01)
        self.of_critic = torch.optim.Adam(self.critic.parameters(), lr=0.01)

    def train(self, of_generator: object, of_critic: object) -> dict[str, list[float]]:
        """Norms of the mean objectives' gradients: two micro-batches for the critic."""
        norms: dict[str, list[float]] = {"generator": [], "critic": []}
        for step in range(STEPS):
            real, noise = batch(step)[0], batch(100 + step)[0][:, :4]
            ones, zeros = (f(8, 1, dtype=torch.float64) for f in (torch.ones, torch.zeros))
            self.of_critic.zero_grad()
            for images, label in ((real, ones), (self.generator(noise).detach(), zeros)):
                loss = self.loss_fn(self.critic(images), label)
                with of_critic(step):
                    loss.backward()
            norms["critic"].append(_norm(self.critic) / 2)
            self.of_critic.step()
            self.of_generator.zero_grad()
            loss = self.loss_fn(self.critic(self.generator(noise)), ones)
            with of_generator(step):
                loss.backward()
            norms["generator"].append(_norm(self.generator))
            self.of_generator.step()
        return norms


def test_adversarial_training_with_two_cockpits(tmp_path: Path) -> None:
    play = Adversaries()
    cockpits = [
        Cockpit(model, play.loss_fn, optimizer, logdir=tmp_path / name, strict=True)
        for name, model, optimizer in (
            ("generator", play.generator, play.of_generator),
            ("critic", play.critic, play.of_critic),
        )
    ]
    norms = play.train(*cockpits)
    for cockpit, (name, expected) in zip(cockpits, norms.items(), strict=True):
        cockpit.close()
        log = RunLog(tmp_path / name)
        assert list(log.series("GradNorm").value) == pytest.approx(expected, rel=1e-6)
        assert log.batch_sizes.value.tolist() == [16 if name == "critic" else 8] * STEPS
        assert len(log.series("Alpha")) == STEPS - 1
        assert log.events == []


def test_adversarial_training_under_one_cockpit_has_no_alpha(tmp_path: Path) -> None:
    """Two objectives in turns: no parabola goes through losses of both."""
    play = Adversaries()
    both = nn.ModuleDict({"generator": play.generator, "critic": play.critic})
    optimizers = [play.of_generator, play.of_critic]
    cockpit = Cockpit(both, play.loss_fn, optimizers, logdir=tmp_path, strict=True)

    def context(step: int, **_: object) -> object:
        return cockpit(step, batch_size=8)

    play.train(context, context)
    cockpit.close()
    log = RunLog(tmp_path)
    assert "Alpha" not in log.quantities
    assert "GradNorm" in log.quantities
    assert {e["level"] for e in log.events} == {"info"}


def test_adversarial_training_is_not_changed(tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        play = Adversaries()
        cockpits = [NoCockpit(), NoCockpit()]
        if folder is not None:
            cockpits = [
                Cockpit(model, play.loss_fn, optimizer, "full", folder / name, strict=True)
                for name, model, optimizer in (
                    ("generator", play.generator, play.of_generator),
                    ("critic", play.critic, play.of_critic),
                )
            ]
        play.train(*cockpits)
        for cockpit in cockpits:
            cockpit.close()
        return [*traces(play.generator, play.of_generator), *traces(play.critic, play.of_critic)]

    assert_inert(run, tmp_path)


def test_parameters_that_are_changed_between_two_steps_leave_no_alpha(tmp_path: Path) -> None:
    """Clipped weights, averaged weights, a checkpoint that is loaded: no end of an update."""
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path, config="economy")
    for step in range(STEPS):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
        if step == 2:
            for p in model.parameters():
                p.data.clamp_(-0.1, 0.1)
    cockpit.close()
    log = RunLog(tmp_path)
    assert list(log.series("Alpha").step) == [0, 1, 3]
    (event,) = log.events
    assert "the parameters changed between" in event["message"]


def test_clipping_and_schedulers(tmp_path: Path) -> None:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path, config="economy")
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    norms, states = [], [_state(model)]
    for step in range(STEPS):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 0.05)))
        optimizer.step()
        scheduler.step()
        states.append(_state(model))
    cockpit.close()
    log = RunLog(tmp_path)
    assert list(log.series("GradNorm").value) == pytest.approx(norms, rel=1e-6)
    sizes = [update_size(a, b).network for a, b in itertools.pairwise(states)]
    assert list(log.series("UpdateSize").value) == pytest.approx(sizes, rel=1e-6)
    assert sizes[0] == pytest.approx(0.3 * 0.05, rel=1e-3)
    assert log.lr[1][:, 0].tolist() == pytest.approx([0.3 * 0.5**step for step in range(STEPS)])


@pytest.mark.parametrize("gradients", [True, False], ids=["with gradients", "no_grad"])
def test_validation_between_the_steps(gradients: bool, tmp_path: Path) -> None:
    for validating in (False, True):
        model = mlp()
        cockpit, optimizer, loss_fn = start(model, tmp_path / str(validating))
        for step in range(STEPS):
            x, y = batch(step)
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                loss.backward()
            optimizer.step()
            if validating:
                with torch.set_grad_enabled(gradients):
                    loss_fn(model(batch(99, 31)[0]), batch(99, 31)[1])
        cockpit.close()
    assert_equal(numbers(tmp_path / "True"), numbers(tmp_path / "False"))


def test_steps_without_a_backward_pass(tmp_path: Path) -> None:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path, config="economy")
    for step in range(STEPS):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        if step == 2:
            continue
        with cockpit(step):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(tmp_path)
    assert list(log.series("Loss").step) == [0, 1, 3, 4]
    assert list(log.series("Alpha").step) == [0, 1, 3]
    assert log.events == []


def test_step_numbers_may_begin_anywhere_and_go_back(tmp_path: Path) -> None:
    model = mlp()
    cockpit, optimizer, loss_fn = start(model, tmp_path, config="economy")
    for step in (700, 701, 702, 300, 301):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(tmp_path)
    assert len(log.series("Loss")) == 5
    assert log.events == []


def test_losses_that_are_only_looked_at_do_not_disturb(tmp_path: Path) -> None:
    """One before the context with its graph, one inside before the pass, one after it."""
    for looking in (False, True):
        model = mlp()
        cockpit, optimizer, loss_fn = start(model, tmp_path / str(looking), config="economy")
        for step in range(STEPS):
            x, y = batch(step)
            optimizer.zero_grad()
            if looking:
                loss_fn(model(batch(99)[0]), batch(99)[1])
            with cockpit(step):
                loss = loss_fn(model(x), y)
                if looking:
                    loss_fn(model(x).roll(1, 0), y)
                loss.backward()
                if looking:
                    loss_fn(model(x), y)
            optimizer.step()
        cockpit.close()
    assert_equal(numbers(tmp_path / "True"), numbers(tmp_path / "False"))
    assert RunLog(tmp_path / "True").events == []
