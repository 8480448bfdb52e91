"""The lamps of a run that goes on: who is told, how often, and that they never hurt it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from cockpit import Cockpit, CockpitWarning, LampWarning, RunLog, quantities
from cockpit.lamp_watch import choose_lamps
from cockpit.lamps import Change, Course, Reading, Suggestion
from cockpit.lamps.replay import board_before
from cockpit.log import SilentWriter
from tests.lamps.made import echo, lamp_that, lit_at
from tests.training import Training, mlp, state

LOSS = [quantities.Loss()]


def training_with(folder: Path, *lamps: Any, **options: Any) -> Training:
    return Training(folder, **{"config": LOSS, "lamps": lamps, **options})


def said(caught: Any) -> list[str]:
    return [str(one.message) for one in caught]


def test_a_warning_is_said_once_in_each_episode(tmp_path: Path) -> None:
    training = training_with(tmp_path, lit_at([2, 3, 4, 8, 9]))
    with pytest.warns(LampWarning) as caught:
        training.run(range(12)).close()
    assert said(caught) == [
        "Cockpit: Made (warning, since step 2). A test is running. It is step 2. Wait.",
        "Cockpit: Made (warning, since step 8). A test is running. It is step 8. Wait.",
    ]
    assert all("cockpit" not in Path(one.filename).parts[-2:] for one in caught)


def test_advisories_and_consequences_go_to_the_log_of_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cause = lit_at([3, 4, 5, 6], "cause", inhibits=("consequence",))
    training = training_with(
        tmp_path, cause, lit_at([3, 4], "consequence"), lit_at([1], "note", level="advisory")
    )
    with caplog.at_level(logging.INFO, "cockpit"), pytest.warns(LampWarning) as caught:
        training.run(range(10)).close()
    assert [text.split()[1] for text in said(caught)] == ["Cause"]
    assert caplog.messages == [
        "Note (advisory, since step 1). It is step 1. Wait.",
        "Note: off at step 3.",
        "Consequence (warning, since step 3, explained by cause). It is step 3. Wait.",
        "Consequence: off at step 6.",
        "Cause: off at step 8.",
    ]
    assert {one.levelno for one in caplog.records} == {logging.INFO}
    states = [(one["lamp"], one["state"], one["cause"]) for one in RunLog(tmp_path).lamps]
    assert ("consequence", "on", "cause") in states
    assert ("cause", "off", None) in states


def test_what_outlives_its_cause_is_said_then(tmp_path: Path) -> None:
    cause = lit_at([1], "cause", inhibits=("consequence",))
    training = training_with(tmp_path, cause, lit_at(range(1, 9), "consequence"))
    with pytest.warns(LampWarning) as caught:
        training.run(range(8)).close()
    assert [text.split()[1] for text in said(caught)] == ["Cause", "Consequence"]


def test_warnings_made_errors_do_not_end_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = training_with(tmp_path, lit_at([1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert training.run(range(3)).close().last_step == 2
    assert "LampWarning: Cockpit: Made (warning" in capsys.readouterr().err


def test_the_callback_is_told_of_every_change(tmp_path: Path) -> None:
    told: list[tuple[str, str, int]] = []

    def on_lamp(change: Change) -> None:
        told.append((change.state, change.episode.lamp, change.episode.since))
        lit = [episode.lamp for episode in training.cockpit.lamps]
        assert (change.episode.lamp in lit) == (change.state != "off")
        assert training.cockpit.latest["Loss"] > 0
        training.cockpit.log(change.episode.until or change.episode.step, told=len(told))

    training = training_with(tmp_path, lit_at([2, 3]), on_lamp=on_lamp)
    with pytest.warns(LampWarning):
        log = training.run(range(8)).close()
    assert told == [("on", "made", 2), ("off", "made", 2)]
    assert log.user_series("told").value.tolist() == [1, 2]


def test_a_callback_may_end_the_run(tmp_path: Path) -> None:
    def stop(change: Change) -> None:
        training.cockpit.close("interrupted", "a lamp is lit")

    training = training_with(tmp_path, lit_at([2, 3, 4]), on_lamp=stop)
    with pytest.warns(LampWarning), pytest.raises(RuntimeError, match="closed"):
        training.run(range(8))
    log = RunLog(tmp_path)
    assert (log.status, log.last_step, log.end["message"]) == ("interrupted", 2, "a lamp is lit")


@pytest.mark.parametrize("config", [LOSS, "business"], ids=["loss", "business"])
def test_a_callback_may_run_the_model(config: Any, tmp_path: Path) -> None:
    def evaluate(change: Change) -> None:
        training.loss(*training.batches(100)).backward()
        training.optimizer.zero_grad()

    training = training_with(tmp_path / "a", lit_at([2, 5]), on_lamp=evaluate, config=config)
    with pytest.warns(LampWarning):
        log = training.run(range(8)).close()
    plain = Training(tmp_path / "b", config=config, lamps=False).run(range(8)).close()
    assert log.quantities == plain.quantities
    for name in set(log.quantities) - {"Time"}:
        assert log.series(name).value.tolist() == plain.series(name).value.tolist()


def broken(change: Any) -> None:
    raise ZeroDivisionError("mine")


def test_a_callback_that_raises_is_switched_off(tmp_path: Path) -> None:
    lamps = lit_at([1, 5])
    training = training_with(tmp_path, lamps, on_lamp=broken, strict=False)
    with pytest.warns() as caught:
        log = training.run(range(8)).close()
    faults = [text for text in said(caught) if "switched off" in text]
    assert faults == ["Cockpit: on_lamp is switched off: ZeroDivisionError: mine"]
    assert len(caught) == 3
    assert log.series("Loss").step.tolist() == list(range(8))
    assert [e["message"] for e in log.events] == [faults[0].removeprefix("Cockpit: ")]


def test_what_takes_the_warnings_may_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def show(*_: object, **__: object) -> None:
        raise ZeroDivisionError("mine")

    told: list[str] = []
    training = training_with(
        tmp_path, lit_at([1, 5]), strict=False, on_lamp=lambda change: told.append(change.state)
    )
    monkeypatch.setattr(warnings, "showwarning", show)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", show)
        log = training.run(range(8)).close()
    assert log.last_step == 7
    assert told == ["on", "off", "on", "off"]
    text = "saying what the lamps see is switched off: ZeroDivisionError: mine"
    assert [event["message"] for event in log.events] == [text]


def test_strict_raises_what_the_callback_raises(tmp_path: Path) -> None:
    training = training_with(tmp_path, lit_at([2]), on_lamp=broken)
    with pytest.warns(LampWarning), pytest.raises(ZeroDivisionError, match="mine"):
        training.run(range(8))
    training.cockpit.close("failed")


def test_a_lamp_that_raises_is_switched_off_alone(tmp_path: Path) -> None:
    training = training_with(tmp_path, lamp_that(broken, "bad"), lit_at([2], "good"), strict=False)
    with pytest.warns() as caught:
        log = training.run(range(4)).close()
    assert said(caught)[0] == ("Cockpit: the lamp bad is switched off: ZeroDivisionError: mine")
    assert [type(one.message) for one in caught] == [CockpitWarning, LampWarning]
    assert [(e["kind"], e["step"]) for e in log.events] == [("fault", 0)]
    assert "mine" in training.cockpit._tracker.lamps.board.absent["bad"]


def test_strict_raises_what_a_lamp_raises(tmp_path: Path) -> None:
    training = training_with(tmp_path, lamp_that(broken, "bad"))
    with pytest.raises(ZeroDivisionError, match="mine"):
        training.run(range(4))
    training.cockpit.close("failed")


def test_a_fault_of_the_board_ends_the_lamps_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_with(tmp_path, lit_at([3]), strict=False).run(range(2))
    monkeypatch.setattr(training.cockpit._tracker.lamps.board, "take", broken)
    with pytest.warns(CockpitWarning, match="the lamps are switched off: ZeroDivision") as caught:
        log = training.run(range(2, 6)).close()
    assert len(caught) == 1
    assert log.series("Loss").step.tolist() == list(range(6))


@pytest.mark.parametrize(
    "options",
    [{"lamps": False}, {"silence": ["nonfinite_input"]}, {"lamps": ["learning_rate_too_large"]}],
    ids=["off", "silenced", "others"],
)
def test_which_lamps_there_are(options: dict[str, Any], tmp_path: Path) -> None:
    training = Training(tmp_path, config=LOSS, **options)
    log = training.run(range(3)).close()
    watch = training.cockpit._tracker.lamps
    names = set() if watch is None else {*watch.board.absent, *map(str, watch.board.healthy)}
    assert "nonfinite_input" not in names
    assert (watch is None) == (options == {"lamps": False})
    assert log.header.get("silenced") == options.get("silence")
    assert training.cockpit.lamps == ()


def test_a_lamp_that_is_named_twice_is_there_once(tmp_path: Path) -> None:
    made = lit_at([2])
    lamps = [made, "dead_units", made, "dead_units"]
    choice = choose_lamps(lamps, (), None)
    assert choice is not None
    assert [lamp.name for lamp in choice.lamps] == ["made", "dead_units"]
    with pytest.raises(ValueError, match="two lamps named 'made'"):
        choose_lamps([made, lit_at([3])], (), None)


def test_what_a_cockpit_kept_goes_with_it(tmp_path: Path) -> None:
    """At once, without a search for circles: it has a copy of the model's parameters."""
    training = training_with(tmp_path, lit_at([2]), on_lamp=lambda change: None)
    gc.collect()
    gc.disable()
    try:
        with pytest.warns(LampWarning):
            training.run(range(4)).close()
        tracker = weakref.ref(training.cockpit._tracker)
        del training
        assert tracker() is None
    finally:
        gc.enable()


def test_all_lamps_are_there_unless_one_says_otherwise(tmp_path: Path) -> None:
    training = Training(tmp_path, config=LOSS, planned_steps=100)
    assert "nonfinite_input" in training.cockpit._tracker.lamps.board.absent
    assert training.close().header["planned_steps"] == 100


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lamps": "diverged"}, TypeError, r"write lamps=\('diverged',\)"),
        ({"lamps": 3}, TypeError, "lamps takes names of lamps; got int"),
        ({"lamps": ["nonfinite_inputs"]}, ValueError, "Did you mean nonfinite_input"),
        ({"silence": ["red"]}, ValueError, "There is no lamp 'red'. There are: "),
        ({"silence": "red"}, TypeError, r"write silence=\('red',\)"),
        ({"on_lamp": 3}, TypeError, "on_lamp is a function of one argument; got int"),
        ({"on_lamp": print, "lamps": False}, ValueError, "never called"),
        ({"planned_steps": 0}, ValueError, "planned_steps is the number of steps"),
        ({"planned_steps": 1.5}, TypeError, "planned_steps is a whole number; got 1.5"),
        ({"planned_steps": True}, TypeError, "planned_steps is a whole number"),
    ],
    ids=str,
)
def test_bad_arguments_get_a_clear_error(
    options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        Cockpit(mlp(), logdir=tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_several_cockpits_do_not_meet(tmp_path: Path) -> None:
    told: dict[str, list[str]] = {"a": [], "b": []}
    trainings = {
        name: training_with(
            tmp_path / name,
            lit_at(steps),
            on_lamp=lambda change, name=name: told[name].append(change.state),
        )
        for name, steps in {"a": [1], "b": [2, 3, 4, 5]}.items()
    }
    with pytest.warns(LampWarning) as caught:
        for step in range(5):
            for training in trainings.values():
                training.step(step)
        logs = {name: training.close() for name, training in trainings.items()}
    assert told == {"a": ["on", "off"], "b": ["on"]}
    assert {name: [one["state"] for one in log.lamps] for name, log in logs.items()} == told
    assert len(caught) == 2


def test_training_is_bit_for_bit_the_same(tmp_path: Path) -> None:
    lamps = (echo, lit_at(range(2, 9, 3)))
    watched = Training(tmp_path, config="business", lamps=lamps, on_lamp=lambda change: None)
    torch.manual_seed(1)
    with pytest.warns(LampWarning):
        watched.run(range(10)).close()
    drawn = torch.rand(4)
    plain = Training(None)
    torch.manual_seed(1)
    plain.run(range(10))
    assert torch.equal(drawn, torch.rand(4))
    for name, value in state(plain.model).items():
        assert torch.equal(value, state(watched.model)[name])


def test_a_full_disk_ends_the_log_and_not_the_lamps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    training = training_with(tmp_path, lit_at([3]), strict=False).run(range(2))
    monkeypatch.setattr(training.cockpit._tracker.writer, "append", full)
    with pytest.warns() as caught:
        training.run(range(2, 5)).close()
    assert [type(one.message) for one in caught] == [CockpitWarning, LampWarning]


def test_a_process_that_writes_no_log_has_no_lamps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.cockpit._writer", lambda _, logdir, __: SilentWriter(logdir))
    cockpit = training_with(tmp_path, lit_at([1])).run(range(3)).cockpit
    cockpit.log(3, valid_loss=1.0)
    cockpit.close()
    assert cockpit.lamps == ()


def test_advice_is_what_the_lit_lamps_suggest(tmp_path: Path) -> None:
    def read(course: Course) -> Reading:
        return Reading(2.0, "Too long.", suggestion=Suggestion("lr", factor=0.5))

    training = training_with(tmp_path, lamp_that(read, "long", do="Halve the learning rate."))
    assert training.cockpit.advice() == []
    with pytest.warns(LampWarning):
        training.run(range(2))
    (one,) = training.cockpit.advice()
    assert (one.change, one.factor, one.because) == ("lr", 0.5, ("long",))
    assert one.do == "Halve the learning rate."
    training.close()


def test_no_advice_without_lamps(tmp_path: Path) -> None:
    training = Training(tmp_path, config=LOSS, lamps=False)
    assert training.cockpit.advice() == []
    training.close()


def test_what_the_loop_logs_is_seen_with_the_next_step(tmp_path: Path) -> None:
    seen: list[Any] = []

    def read(course: Any) -> Reading | None:
        seen.append(course.user.get("valid_loss", [])[-1:])
        return None

    training = training_with(tmp_path, lamp_that(read))
    training.step(0)
    training.cockpit.log(0, valid_loss=torch.tensor(0.5))
    training.step(1)
    training.close()
    assert seen == [[], [(0, 0.5)]]


def test_reading_the_attempts_before_costs_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_with(tmp_path, lit_at([])).run(range(3)).close()

    def slowly(*given: Any) -> Any:
        time.sleep(0.5)
        return board_before(*given)

    monkeypatch.setattr("cockpit.lamp_watch.board_before", slowly)
    training = training_with(tmp_path, lit_at([]))
    began = training.cockpit._stopwatch.trained()
    training.run(range(3, 6))
    watch = training.cockpit._stopwatch
    assert watch.elapsed() > 0.5
    assert watch.tracking < 0.4
    assert watch.trained() - began < 0.4
    training.close()


KILLED = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from tests.lamps.made import lit_at
from tests.training import Training

def die(change):
    if change.episode.lamp == "last":
        os.kill(os.getpid(), signal.SIGKILL)

lamps = [lit_at([2, 3], "first"), lit_at([5], "last")]
Training(sys.argv[1], lamps=lamps, on_lamp=die).run(range(9))
"""


def test_after_kill_9_the_log_has_the_lamps(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=root, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    log = RunLog(tmp_path)
    assert [(one["lamp"], one["state"]) for one in log.lamps] == [
        ("first", "on"), ("first", "off"), ("last", "on"),
    ]  # fmt: skip
    assert log.skipped_lines == 0
