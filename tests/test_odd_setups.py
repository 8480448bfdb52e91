"""Set-ups that are unlikely but legal, and what may go wrong around a loop."""

from __future__ import annotations

import math
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

    loop.cockpit._tracker.writer.append = full
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


SCRIPTED: dict[str, Callable[[], nn.Module]] = {
    "scripted": lambda: torch.jit.script(mlp()),
    "traced": lambda: torch.jit.trace(mlp(), batch(0)[0]),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit
@pytest.mark.parametrize("name", SCRIPTED)
def test_a_scripted_model_leaves_the_reason(name: str, tmp_path: Path) -> None:
    with pytest.warns(CockpitWarning, match="takes no hooks"):
        loop = Loop(tmp_path, SCRIPTED[name](), strict=False)
    for step in range(STEPS):
        loop.step(step)
    log = loop.log()
    assert len(log.series("Loss")) == 0
    assert [layer.name for layer in log.layers] == ["0.weight", "0.bias", "2.weight", "2.bias"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_part_is_seen_by_its_operations(tmp_path: Path) -> None:
    plain = Loop(tmp_path / "plain")
    model = mlp()
    model[0] = torch.jit.script(nn.Sequential(model[0], nn.Identity()))
    scripted = Loop(tmp_path / "scripted", model)
    for step in range(STEPS):
        plain.step(step)
        scripted.step(step)
    expected, log = plain.log(), scripted.log()
    for quantity in ("Loss", "GradNorm", "UpdateSize", "NormTest", "OrthoTest"):
        torch.testing.assert_close(
            torch.tensor(log.series(quantity).value), torch.tensor(expected.series(quantity).value)
        )
    assert log.events == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_loss_is_passed_like_a_function(tmp_path: Path) -> None:
    model, loss_fn = mlp(), torch.jit.script(nn.CrossEntropyLoss())
    with Cockpit(model, loss_fn, logdir=tmp_path, strict=True) as cockpit:
        x, y = batch(0)
        loss = loss_fn(model(x), y)
        with cockpit(0, loss=loss):
            loss.backward()
    assert list(RunLog(tmp_path).series("Loss").value) == pytest.approx([loss.item()])


def test_lazy_modules_want_a_batch_first(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.LazyLinear(3))
    with pytest.raises(ValueError, match=r"1\.weight has no shape yet.*Run one batch through"):
        Cockpit(model, nn.CrossEntropyLoss(), logdir=tmp_path)
    assert not tmp_path.exists() or not list(tmp_path.iterdir())


def test_a_model_that_goes_on_in_another_precision(tmp_path: Path) -> None:
    single = Loop(tmp_path / "single", config="full")
    double = Loop(tmp_path / "both", config="full")
    for step in range(6):
        single.step(step)
        if step == 3:
            double.model.double()
        double.step(step, (lambda x: x.double()) if step >= 3 else (lambda x: x))
    expected, log = single.log(), double.log()
    for quantity in ("GradNorm", "NormTest", "HessMaxEV", "Distance", "HessTrace"):
        assert list(log.series(quantity).step) == list(range(6))
        torch.testing.assert_close(
            torch.tensor(log.series(quantity).value),
            torch.tensor(expected.series(quantity).value),
            rtol=1e-2 if quantity == "HessMaxEV" else 1e-4,
            atol=1e-6,
        )
    assert list(log.series("Alpha").step) == [0, 1, 3, 4]
    (event,) = log.events
    assert "the parameters changed between" in event["message"]


def test_a_model_that_is_given_its_place_after_the_cockpit_was_made(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = nn.Linear(6, 3)
    with Cockpit(model, nn.CrossEntropyLoss(), None, "full", tmp_path, strict=True) as cockpit:
        model.to_empty(device="cpu").reset_parameters()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        before = model.weight.detach().clone(), model.bias.detach().clone()
        for step in range(2):
            x, y = batch(step)
            loss = cockpit._engine.probe.loss_fn(model(x), y)
            optimizer.zero_grad()
            with cockpit(step):
                loss.backward()
            if step == 0:
                optimizer.step()
    pairs = zip(model.parameters(), before, strict=True)
    way = math.sqrt(sum(float((p - b).detach().square().sum()) for p, b in pairs))
    log = RunLog(tmp_path)
    assert list(log.series("Distance").value) == pytest.approx([0.0, way])
    assert len(log.series("HessMaxEV")) == len(log.series("HessTrace")) == 2


@pytest.mark.parametrize("where", ["gradient", "output"])
def test_a_hook_that_changes_what_it_sees_is_named_as_a_cause(where: str, tmp_path: Path) -> None:
    model = mlp()
    if where == "gradient":
        model[0].weight.register_hook(lambda grad: grad.clamp(-0.001, 0.001))
    else:
        model[0].register_forward_hook(lambda module, args, output: output * 2)
    loop = Loop(tmp_path, model)
    loop.step(0)
    log = loop.log()
    reasons = [event["message"] for event in log.events if event["quantity"] == "NormTest"]
    if where == "gradient":
        assert len(log.series("NormTest")) == 0
    assert all("a hook of yours" in reason for reason in reasons)
    assert len(reasons) == 1 - len(log.series("NormTest"))
