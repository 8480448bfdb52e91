"""Set-ups that are unlikely but legal, and what may go wrong around a loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, CockpitWarning, Configuration, Quantity, RunLog, quantities

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


class Broken(Quantity):
    def compute(self, info: Any, stats: Any) -> Any:
        raise ZeroDivisionError("mine")


def no_backward(loop: Loop) -> None:
    with loop.cockpit(0):
        pass


def full_disk(loop: Loop) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    loop.cockpit._tracker.writer.step = full
    loop.step(0)


CAUTIONS: dict[str, tuple[Callable[[Loop], None], str]] = {
    "nothing is differentiated": (no_backward, "nothing can be tracked"),
    "a quantity fails": (lambda loop: loop.step(0), "Broken is switched off"),
    "the disk is full": (full_disk, "No space left on device"),
}


@pytest.mark.parametrize("name", CAUTIONS)
def test_warnings_made_errors_do_not_end_the_training(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cause, message = CAUTIONS[name]
    broken = [Broken()] if name == "a quantity fails" else []
    loop = Loop(tmp_path, config=[quantities.Loss(), *broken], strict=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cause(loop)
        loop.step(1)
    loop.cockpit.close()
    said = capsys.readouterr().err
    assert said.count("CockpitWarning") == 1
    assert message in said


@pytest.mark.parametrize("name", CAUTIONS)
def test_a_warning_points_at_the_users_line(name: str, tmp_path: Path) -> None:
    cause, message = CAUTIONS[name]
    broken = [Broken()] if name == "a quantity fails" else []
    loop = Loop(tmp_path, config=[quantities.Loss(), *broken], strict=False)
    with pytest.warns(CockpitWarning, match=message) as caught:
        cause(loop)
        loop.step(1)
    assert [warning.filename for warning in caught] == [__file__]
    loop.cockpit.close()


@pytest.mark.parametrize("last", range(3))
def test_a_schedule_that_raises_ends_the_tracking_and_not_the_training(
    last: int, tmp_path: Path
) -> None:
    known = dict.fromkeys(range(last + 1), True)
    config = Configuration("economy", schedule=lambda step: known[step])
    loop = Loop(tmp_path, config=config, strict=False)
    with pytest.warns(CockpitWarning, match=f"KeyError: {last + 1}") as caught:
        for step in range(STEPS):
            loop.step(step)
    assert len(caught) == 1
    assert not loop.model._forward_pre_hooks
    log = loop.log()
    assert list(log.series("GradNorm").step) == list(range(last))  # the next one is asked ahead
    assert log.status == "finished"
