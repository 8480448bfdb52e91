"""Runs are kept, gone on with, or made anew when their recipe changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cockpit import Cockpit, problems
from cockpit.log import RunLog
from cockpit.problems.training import Watch
from cockpit.quantities import Loss
from cockpit.schedules import linear
from examples.experiments.gallery import Runs

P13 = problems.get("P13")


def trained(runs: Runs, name: str = "run", **settings: object) -> RunLog:
    usual = {"steps": 20, "config": [Loss()], "validate_every": 5}
    return runs.train(name, P13, runs.data("noisy-line"), **{**usual, **settings})


def made(log: RunLog) -> int:
    return log.path.stat().st_mtime_ns


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first, again = trained(Runs(tmp_path)), trained(Runs(tmp_path))
    assert first.status == "finished"
    assert made(first) == made(again)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"steps": 21}, {"lr": 0.01}, {"config": [Loss(linear(19))]}]
)
def test_another_recipe_is_trained_anew(tmp_path: Path, change: dict[str, object]) -> None:
    trained(Runs(tmp_path))
    log = trained(Runs(tmp_path), **change)
    assert log.attempts == 1
    assert log.status == "finished"
    assert log.last_step == int(change.get("steps", 20)) - 1
    fresh = trained(Runs(tmp_path / "fresh"), **change)
    assert log.series("Loss").value.tolist() == fresh.series("Loss").value.tolist()


def test_an_interrupted_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    asked = iter([False] * 7 + [True] * 99)
    with pytest.raises(KeyboardInterrupt):
        trained(Runs(tmp_path, stop=lambda: next(asked)))
    assert RunLog(tmp_path / "run").status == "interrupted"
    log, whole = trained(Runs(tmp_path)), trained(Runs(tmp_path / "whole"))
    assert (log.attempts, log.status, log.last_step) == (2, "finished", 19)
    assert log.series("Loss").value.tolist() == whole.series("Loss").value.tolist()


def test_a_run_that_was_killed_after_its_last_step_is_trained_anew(tmp_path: Path) -> None:
    log = trained(Runs(tmp_path))
    *lines, end = log.path.read_text().splitlines(keepends=True)
    assert json.loads(end)["type"] == "end"
    log.path.write_text("".join(lines))
    again = trained(Runs(tmp_path))
    assert (again.status, again.attempts, again.last_step) == ("finished", 1, 19)


def test_a_loop_of_ones_own_is_kept_as_well(tmp_path: Path) -> None:
    calls = []

    def make(folder: Path, watch: Watch) -> None:
        calls.append(folder)
        loop(folder, watch)

    for lr in (1, 1, 2):
        log = Runs(tmp_path).log("own", {"steps": 3, "lr": lr}, make)
        assert (log.status, log.last_step, log.attempts) == ("finished", 2, 1)
    assert calls == [tmp_path / "own"] * 2


def test_a_loop_of_ones_own_ends_when_asked_and_begins_anew(tmp_path: Path) -> None:
    asked = iter([False, True, True])
    with pytest.raises(KeyboardInterrupt):
        Runs(tmp_path, stop=lambda: next(asked)).log("own", {"steps": 3}, loop)
    log = Runs(tmp_path).log("own", {"steps": 3}, loop)
    assert (log.status, log.last_step, log.attempts) == ("finished", 2, 1)


def loop(folder: Path, watch: Watch) -> None:
    """Three steps on nothing."""
    model, loss_fn = torch.nn.Linear(1, 1), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, loss_fn, optimizer, config=[Loss()], logdir=folder) as cockpit:
        for step in range(3):
            optimizer.zero_grad()
            loss = loss_fn(model(torch.ones(2, 1)), torch.ones(2, 1))
            with cockpit(step):
                loss.backward()
            optimizer.step()
            watch(step, cockpit)


def test_the_data_and_the_time_of_training_are_noted(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    log = trained(runs)
    assert runs.data_titles == ["a noisy line"]
    assert runs.seconds == pytest.approx(log.duration)
