"""Runs that are interrupted and gone on with, and the commands around them."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cockpit import cli, problems
from cockpit.log import RunLog
from cockpit.problems import checkpoint
from cockpit.problems.checkpoint import CHECKPOINT_NAME
from cockpit.problems.data import Batches, load
from cockpit.problems.train_command import make_plan, with_length
from cockpit.problems.training import Settings, train
from cockpit.signals import stop_on_request

ROOT = Path(__file__).parents[2]


def nothing(step: int, cockpit: object) -> None:
    pass


def settings(folder: Path, steps: int, **more) -> Settings:
    usual = {"batch_size": 4, "validate_every": 3, "validation_samples": 4, "save": True, "seed": 3}
    return Settings(steps, folder, **{**usual, **more})


def assert_same(one: object, other: object) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        for mine, theirs in zip(one, other, strict=True):
            assert_same(mine, theirs)
    else:
        assert one == other


@pytest.mark.parametrize(
    ("key", "optimizer"),
    # Dropout and the code's noise; normalization's averages; momentum's and Adam's memory.
    [("P2", "sgd"), ("P7", "momentum"), ("P9", "adam")],
)
def test_a_resumed_run_is_bit_for_bit_an_uninterrupted_one(
    tmp_path: Path, key: str, optimizer: str
) -> None:
    problem, data = problems.get(key), load("digits")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(problem, data, settings(whole, 5, optimizer=optimizer), nothing)

    ended = train(
        problem, data, settings(parts, 5, optimizer=optimizer), nothing,
        stop=iter([False, True]).__next__,
    )  # fmt: skip
    assert (ended.steps, ended.stopped) == (2, True)
    assert RunLog(parts).status == "interrupted"
    torch.manual_seed(99)
    resumed = checkpoint.load(parts)
    assert resumed.step == 2
    ended = train(problem, data, settings(parts, 5, optimizer=optimizer), nothing, resumed=resumed)
    assert (ended.steps, ended.stopped) == (5, False)

    assert_same(vars(checkpoint.load(whole)), vars(checkpoint.load(parts)))
    one, other = RunLog(whole), RunLog(parts)
    for name in ("Loss", "GradNorm", "Distance"):
        assert one.series(name).value.tolist() == other.series(name).value.tolist(), name
    assert one.user_series("valid_loss").value[-1] == other.user_series("valid_loss").value[-1]


def test_batches_go_on_in_any_epoch_and_at_any_place() -> None:
    data = load("noisy-line").train
    all_of_them = list(Batches(data, 30, seed=5).take(11))
    for first in range(11):
        rest = list(Batches(data, 30, seed=5).take(11, first))
        assert_same(rest, all_of_them[first:])


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    problem, data = problems.get("P13"), load("noisy-line")
    train(problem, data, settings(tmp_path, 3), nothing)
    found = checkpoint.load(tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    for changes, complaint in (
        ({"seed": 4}, "got seed 4, but the run to be resumed has 3"),
        ({"lr": 0.2}, "got lr 0.2, but"),
        ({"batch_size": 5}, "got batch_size 5, but"),
        ({"optimizer": "adam"}, "got optimizer 'adam', but"),
        ({}, "the run has 3 steps already"),
    ):
        with pytest.raises(ValueError, match=complaint):
            train(problem, data, settings(tmp_path, 3, **changes), nothing, resumed=found)
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_a_checkpoint_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="only a run of `cockpit train`"):
        checkpoint.load(tmp_path)
    path = tmp_path / CHECKPOINT_NAME
    path.write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
        checkpoint.load(tmp_path)
    torch.save({"version": 99}, path)
    with pytest.raises(ValueError, match="got version 99"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    problem, data = problems.get("P13"), load("noisy-line")
    train(problem, data, settings(tmp_path, 3), nothing)
    found = checkpoint.load(tmp_path)
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(replace(found, recipe={"bad": lambda: None}), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [CHECKPOINT_NAME, "log.jsonl"]
    assert checkpoint.load(tmp_path).step == 3


def test_a_plan_is_what_is_asked_for_then_what_was_then_the_usual() -> None:
    plan = make_plan({"problem": "P3", "lr": 0.1, "seed": None}, None)
    assert plan["problem"] == "P3"
    assert (plan["lr"], plan["seed"], plan["optimizer"]) == (0.1, 0, "sgd")
    before = argparse.Namespace(plan={**plan, "steps": 7, "optimizer": "adam"})
    assert make_plan({"lr": None}, before) == before.plan
    assert make_plan({"epochs": 2}, before).get("steps") is None
    with pytest.raises(ValueError, match="which problem"):
        make_plan({}, None)


@pytest.mark.parametrize(
    ("asked", "steps", "validate_every"),
    [
        ({}, 100 * 7, 50),
        ({"epochs": 3}, 21, 50),
        ({"steps": 5}, 5, 50),
        ({"batch_size": 2, "epochs": 2}, 1000, 100),
        ({"batch_size": 2, "epochs": 100}, 50_000, 500),
        ({"steps": 5, "validate_every": 2}, 5, 2),
    ],
)
def test_the_length_is_in_steps_or_in_epochs(asked, steps: int, validate_every: int) -> None:
    found = with_length(asked, problems.get("P1"), load("normal-100d"))
    assert (found["steps"], found["validate_every"]) == (steps, validate_every)
    assert "epochs" not in found


def test_problems_are_listed_with_their_data(capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.main(["problems"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["P4", "3c3d", "cifar-10", "no", "895,210", "128", "100", "0.05", "0.002"] in lines
    assert ["P1", "noisy-quadratic", "normal-100d", "yes", "100", "128", "100", "0.01"] in lines
    assert len([line for line in lines if line and line[0].startswith("P")]) == 13
    assert ["images:", "digits"] in lines


def test_a_problem_is_trained_by_command(capsys, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["train", "P9", "--data", "digits", "--steps", "4", "--lr", "0.02", "--logdir"]
    assert cli.main([*words, str(folder), "--config", "loss", "--batch-size", "10"]) == 0
    printed = capsys.readouterr().out
    assert "This run is on scikit-learn's digits, not on MNIST." in printed
    assert "P9 logistic-regression, sgd with lr 0.02, batches of 10, to 4 steps" in printed
    assert "on 297 test samples of scikit-learn's digits." in printed
    log = RunLog(folder)
    assert log.header["about"]["data"] == "scikit-learn's digits"
    assert log.header["about"]["lr"] == 0.02
    assert list(log.quantities) == ["Loss"]

    assert cli.main([*words, str(folder)]) == 1
    assert "holds a run already; use --resume" in capsys.readouterr().err
    assert cli.main(["train", "--resume", str(folder), "--steps", "6"]) == 0
    assert "from step 4 to 6 steps" in capsys.readouterr().out
    assert (RunLog(folder).last_step, RunLog(folder).status) == (5, "finished")
    assert cli.main(["train", "--resume", str(folder), "--seed", "1", "--steps", "9"]) == 1
    assert "got seed 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "which problem?"),
        (("P99",), "got problem 'P99'"),
        (("P1", "--data", "digits"), "which is images; this problem takes pairs of numbers"),
        (("P1", "--data", "nothing"), "got data set 'nothing'"),
        (("P1", "--optimizer", "magic"), "got optimizer 'magic'"),
        (("P1", "--batch-size", "2000"), "got batch_size=2000, expected 1 to 1000"),
        (("--resume", "nowhere"), "got no nowhere/checkpoint.pt"),
    ],
)
def test_what_cannot_be_trained_is_refused(capsys, tmp_path, monkeypatch, words, complaint) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *words]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_data_that_cannot_be_had_is_answered_with_what_is_here(
    capsys, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("COCKPIT_DATA", raising=False)
    assert cli.main(["train", "P8", "--logdir", str(tmp_path / "run")]) == 1
    assert "got no War and Peace on this machine" in capsys.readouterr().err
    monkeypatch.setattr("cockpit.problems.data.sources.fetch", lambda *_: None)
    assert cli.main(["train", "P9", "--logdir", str(tmp_path / "run")]) == 1
    assert "here are: --data digits" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_enforces(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_request() as asked:
        assert not asked()
        signal.raise_signal(number)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_ctrl_c_ends_a_run_that_can_be_gone_on_with(tmp_path: Path) -> None:
    words = ("P13", "--steps", "100000", "--config", "loss", "--logdir", "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "cockpit", "train", *words], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        # Tests that run in the background hand down an interrupt that is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        log, deadline = tmp_path / "run" / "log.jsonl", time.monotonic() + 60
        while not (log.exists() and '"type":"step"' in log.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "cockpit train --resume run" in printed
    found, last = checkpoint.load(tmp_path / "run"), RunLog(log)
    assert found.step == last.last_step + 1
    assert last.status == "interrupted"
    assert found.plan["steps"] == 100_000
