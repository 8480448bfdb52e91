"""Set-ups that are unlikely but legal, and what may go wrong around a loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities

N, STEPS = 8, 4


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(N, 6, generator=generator)
    return x, torch.randint(0, 3, (N,), generator=generator)


def mlp(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


class Loop:
    """A model in training, step by step.

    Args:
        folder: Of its log.
        **given: Further arguments of the cockpit.
    """

    def __init__(self, folder: Path, model: nn.Module | None = None, **given: Any) -> None:
        self.model, self.loss_fn = model or mlp(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=given.pop("lr", 0.1))
        self.cockpit = Cockpit(
            self.model, self.loss_fn, self.optimizer, logdir=folder, **{"strict": True, **given}
        )

    def step(self, step: int, before: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        """One step on a batch that goes through ``before``."""
        x, y = batch(step)
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(before(x)), y)
        with self.cockpit(step):
            loss.backward()
        self.optimizer.step()

    def log(self) -> RunLog:
        """Of the run, which ends here."""
        self.cockpit.close()
        return RunLog(self.cockpit.logdir)


def test_one_list_of_quantities_serves_two_cockpits(tmp_path: Path) -> None:
    def run(name: str, *configs: Any) -> list[list[float]]:
        loops = [
            Loop(tmp_path / name / str(i), mlp(i), config=config, lr=10.0**-i)
            for i, config in enumerate(configs)
        ]
        for step in range(STEPS):
            for one in loops:
                one.step(step)
        return [list(one.log().series("Alpha").value) for one in loops]

    shared = [quantities.Alpha(), quantities.GradNorm()]
    own = run("own", [quantities.Alpha()], [quantities.Alpha()])
    assert run("shared", shared, shared) == own
    assert own[0] != own[1]
