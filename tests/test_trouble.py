"""What happens when something goes wrong: the training goes on, and the log says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cockpit import Absent, Cockpit, CockpitWarning, Configuration, Quantity, RunLog, quantities
from cockpit.quantities import scalar
from tests.training import Training, batch, mlp


def test_the_users_exception_passes_unhidden_and_tracking_goes_on(tmp_path: Path) -> None:
    training, mine = Training(tmp_path).run(range(2)), KeyError("mine")
    loss = training.loss(*batch(2))
    with pytest.raises(KeyError) as caught, training.cockpit(2, loss=loss):
        raise mine
    assert caught.value is mine
    log = training.run(range(3, 6)).close()
    assert {0, 1, 3, 4, 5} == set(log.series("Loss").step)


class Broken(Quantity):
    def compute(self, info, stats):
        if info.step == 2:
            raise ZeroDivisionError("my quantity is broken")
        return scalar(1.0)


def test_a_quantity_that_raises_is_switched_off_with_one_warning(tmp_path: Path) -> None:
    training = Training(tmp_path, config=[quantities.Loss(), Broken()], strict=False)
    with pytest.warns(CockpitWarning, match="Broken is switched off") as caught:
        training.run(range(6))
    assert len(caught) == 1
    log = training.close()
    assert list(log.series("Loss").step) == list(range(6))
    assert list(log.series("Broken").step) == [0, 1]
    (event,) = log.events
    assert event["kind"] == "fault"
    assert event["quantity"] == "Broken"
    assert event["step"] == 2


def test_strict_raises(tmp_path: Path) -> None:
    training = Training(tmp_path, config=[Broken()])
    with pytest.raises(ZeroDivisionError):
        training.run(range(6))
    training.cockpit.close("failed")


@pytest.mark.parametrize("where", ["begin", "answer"])
def test_a_fault_of_the_engine_never_kills_the_run(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("engine on fire")

    training = Training(tmp_path, strict=False).run(range(2))
    monkeypatch.setattr(training.cockpit._engine, where, broken)
    with pytest.warns(CockpitWarning, match="engine on fire") as caught:
        training.run(range(2, 6))
    assert len(caught) == 1
    log = training.close()
    assert log.last_step in (0, 1)
    assert any("engine on fire" in event["message"] for event in log.events)
    assert not any(module._forward_hooks for module in training.model.modules())


def test_a_full_disk_ends_the_log_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    training = Training(tmp_path, strict=False).run(range(2))
    monkeypatch.setattr(training.cockpit._tracker.writer, "append", full)
    with pytest.warns(CockpitWarning, match="No space left") as caught:
        training.run(range(2, 5)).close()
    assert len(caught) == 1


def test_a_record_too_large_for_the_log_costs_its_arrays_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.log.writer.MAX_LINE", 1500)
    config, model = [quantities.Parameters(), quantities.Loss()], nn.Linear(5, 100).double()
    training = Training(tmp_path, model, config=config, strict=False)
    with pytest.warns(CockpitWarning, match="Parameters is switched off: ValueError: A record of"):
        training.run(range(3))
        log = training.close()
    assert log.series("Loss").step.tolist() == [0, 1, 2]
    assert "Parameters" not in log.quantities


def test_absence_is_recorded_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Sometimes(Quantity):
        def compute(self, info, stats):
            raise Absent("not today")

    log = Training(tmp_path, config=[quantities.Loss(), Sometimes()]).run(range(4)).close()
    assert [event["message"] for event in log.events] == ["not today"]
    assert log.quantities == ("Loss",)


def test_a_model_without_trainable_parameters_is_absent_in_everything(tmp_path: Path) -> None:
    training, (x, y) = Training(tmp_path, config=Configuration("full")), batch(0)
    training.model.requires_grad_(False)
    training.differentiate(0, (x.requires_grad_(True), y))
    log = training.close()
    assert "Loss" in log.quantities
    assert not any(event["kind"] == "fault" for event in log.events)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "mlp"}, TypeError, "model is an nn.Module; got str"),
        ({"optimizer": 3e-4}, TypeError, "optimizer is a torch.optim.Optimizer"),
        ({"config": "first class"}, ValueError, "economy, business, full"),
        ({"config": [quantities.Loss]}, TypeError, "add parentheses"),
        ({"config": [quantities.Loss(), quantities.Loss()]}, ValueError, "Loss more than once"),
        ({"reduction": "max"}, ValueError, "reduction is 'mean' or 'sum'"),
        ({"loss_fn": nn.CrossEntropyLoss(reduction="none")}, ValueError, "got 'none'"),
    ],
)
def test_bad_arguments_get_a_clear_error(
    arguments: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    arguments = {"model": mlp(), "loss_fn": nn.MSELoss(), "logdir": tmp_path / "x", **arguments}
    with pytest.raises(error, match=message):
        Cockpit(**arguments)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"loss": None}, "the loss was not seen"),
        ({"loss": torch.ones(3, requires_grad=True)}, "must be a single number"),
        ({"loss": torch.ones((), requires_grad=True)}, "the batch size was not seen"),
    ],
)
def test_a_step_that_tells_nothing_is_absent_with_the_reason(
    given: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    cockpit = Cockpit(mlp(), logdir=tmp_path, config=[quantities.Loss()])
    with pytest.warns(CockpitWarning, match=reason), cockpit(0, **given):
        pass
    cockpit.close()
    (event,) = RunLog(tmp_path).events
    assert reason in event["message"]


def test_a_closed_cockpit_says_so(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.close()
    training.close()
    with pytest.raises(RuntimeError, match="closed"):
        training.step(0)
