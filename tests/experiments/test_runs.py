"""Runs are kept, gone on with, or made anew when their recipe changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit import problems
from cockpit.log import RunLog
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
    "change", [{"seed": 1}, {"steps": 21}, {"lr": 0.01}, {"config": [Loss(linear(2))]}]
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
    lines = log.path.read_text().splitlines(keepends=True)
    log.path.write_text(
        "".join(line for line in lines if '"type":"end"' not in line.replace(" ", ""))
    )
    assert RunLog(log.path).status != "finished"
    again = trained(Runs(tmp_path))
    assert (again.status, again.attempts, again.last_step) == ("finished", 1, 19)


def test_a_loop_of_ones_own_is_kept_as_well(tmp_path: Path) -> None:
    calls = []

    def make(folder: Path, watch: object) -> None:
        calls.append(folder)
        trained(Runs(folder.parent), folder.name + "-inner")
        (folder.parent / f"{folder.name}-inner" / "log.jsonl").rename(folder / "log.jsonl")

    for lr in (1, 1, 2):
        log = Runs(tmp_path).log("own", {"steps": 20, "lr": lr}, make)
        assert log.status == "finished"
    assert calls == [tmp_path / "own"] * 2


def test_the_data_and_the_time_of_training_are_noted(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    log = trained(runs)
    assert runs.data_titles == ["a noisy line"]
    assert runs.seconds == pytest.approx(log.duration)
