"""A generator and a discriminator that train in turns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog
from tests.comparison import assert_inert, traces
from tests.training import NoCockpit, batch

STEPS = 5


def norm(model: nn.Module) -> float:
    grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return float(torch.cat(grads).norm())


class Adversaries:
    """A generator and a discriminator, each with an optimizer."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5)).double()
        self.critic = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1)).double()
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.of_generator = torch.optim.Adam(self.generator.parameters(), lr=0.01)
        self.of_critic = torch.optim.Adam(self.critic.parameters(), lr=0.01)

    def cockpits(self, folder: Path, config: str) -> list[Cockpit]:
        """One for each."""
        return [
            Cockpit(model, self.loss_fn, optimizer, config, folder / name, strict=True)
            for name, model, optimizer in (
                ("generator", self.generator, self.of_generator),
                ("critic", self.critic, self.of_critic),
            )
        ]

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
            norms["critic"].append(norm(self.critic) / 2)
            self.of_critic.step()
            self.of_generator.zero_grad()
            loss = self.loss_fn(self.critic(self.generator(noise)), ones)
            with of_generator(step):
                loss.backward()
            norms["generator"].append(norm(self.generator))
            self.of_generator.step()
        return norms


def test_two_cockpits(tmp_path: Path) -> None:
    play = Adversaries()
    cockpits = play.cockpits(tmp_path, "economy")
    norms = play.train(*cockpits)
    for cockpit, (name, expected) in zip(cockpits, norms.items(), strict=True):
        cockpit.close()
        log = RunLog(tmp_path / name)
        assert list(log.series("GradNorm").value) == pytest.approx(expected, rel=1e-6)
        assert log.batch_sizes.value.tolist() == [16 if name == "critic" else 8] * STEPS
        assert len(log.series("Alpha")) == STEPS - 1
        assert log.events == []


def test_one_cockpit_has_no_alpha(tmp_path: Path) -> None:
    """Two objectives in turns: no parabola goes through losses of both."""
    play = Adversaries()
    both = nn.ModuleDict({"generator": play.generator, "critic": play.critic})
    optimizers = [play.of_generator, play.of_critic]
    cockpit = Cockpit(both, play.loss_fn, optimizers, logdir=tmp_path, strict=True)

    def context(step: int) -> object:
        return cockpit(step, batch_size=8)

    play.train(context, context)
    cockpit.close()
    log = RunLog(tmp_path)
    assert "Alpha" not in log.quantities
    assert "GradNorm" in log.quantities
    assert {e["level"] for e in log.events} == {"info"}


def test_tracking_changes_nothing(tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        play = Adversaries()
        cockpits = [NoCockpit()] * 2 if folder is None else play.cockpits(folder, "full")
        play.train(*cockpits)
        for cockpit in cockpits:
            cockpit.close()
        return [*traces(play.generator, play.of_generator), *traces(play.critic, play.of_critic)]

    assert_inert(run, tmp_path)
