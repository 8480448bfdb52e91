"""The list of runs: what is in it, what it says, and what it never reaches."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cockpit.dashboard.peek import glance
from cockpit.dashboard.runs import RunIndex, UnknownRunError
from tests.dashboard.conftest import LiveRun
from tests.synthetic import write_run


def listed(folder: Path) -> dict[str, str]:
    return {run["name"]: run["status"] for run in RunIndex(folder).summaries()}


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path / "log.jsonl", (then, then))


def test_status_of_each_run(tmp_path: Path, live_run: LiveRun) -> None:
    write_run(tmp_path / "done", steps=5)
    age(write_run(tmp_path / "dead", steps=5, torn=True), 3600)
    failed = LiveRun(tmp_path / "failed")
    failed.write()
    failed.writer.end("failed", time=1.0, steps=1, message="boom")
    failed.writer.close()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "log.jsonl").touch()
    assert listed(tmp_path) == {
        "live": "running",
        "done": "finished",
        "dead": "stalled",
        "failed": "failed",
        "new": "empty",
    }


def test_order_is_open_runs_then_the_latest(tmp_path: Path, live_run: LiveRun) -> None:
    age(write_run(tmp_path / "a_old", steps=2), 500)
    age(write_run(tmp_path / "b_older", steps=2), 5000)
    assert list(listed(tmp_path)) == ["live", "a_old", "b_older"]


def test_one_run_may_be_served_alone(tmp_path: Path) -> None:
    index = RunIndex(write_run(tmp_path / "alone", steps=3))
    assert [run["name"] for run in index.summaries()] == ["alone"]
    assert index.open("alone").log.last_step == 2


def test_glance_agrees_with_the_whole_log(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", steps=300, layers=12)  # much longer than the tail
    seen = glance(path / "log.jsonl")
    log = RunIndex(tmp_path).open("a").log
    assert (seen.status, seen.step) == (log.status, log.last_step)


def test_glance_of_garbage(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'\xff\xfe\n[]\n{"type": 3}\n' + b"[" * 5000 + b"\n" + b"x" * 10)
    assert glance(log).status == "empty"
    log.write_bytes(b'{"type":"step","step":1,' + b" " * 400_000)
    assert glance(log).status == "open"


@pytest.mark.parametrize(
    "name", ["..", "../secret", "/etc", "a/../../secret", "secret", "link", "", ".", "a/", "a\x00"]
)
def test_names_are_never_paths(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "secret", steps=2)
    write_run(tmp_path / "runs" / "a", steps=2)
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "runs" / "b").mkdir()
    (tmp_path / "runs" / "b" / "log.jsonl").symlink_to(tmp_path / "secret" / "log.jsonl")
    index = RunIndex(tmp_path / "runs")
    assert [run["name"] for run in index.summaries()] == ["a"]
    with pytest.raises(UnknownRunError):
        index.open(name)


def test_a_pipe_in_place_of_a_log_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "log.jsonl")
    assert listed(tmp_path) == {}


def test_a_run_that_vanished_is_unknown(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", steps=2)
    index = RunIndex(tmp_path)
    assert len(index.summaries()) == 1
    (path / "log.jsonl").unlink()
    with pytest.raises(UnknownRunError):
        index.open("a")


def test_no_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="folder of your runs"):
        RunIndex(tmp_path / "none")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/bad\xff"
    write_run(os.fsdecode(folder), steps=2)
    index = RunIndex(tmp_path)
    (run,) = index.summaries()
    assert run["name"].encode()  # can be sent
    assert index.open(run["name"]).log.last_step == 1


def test_few_readers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.dashboard.runs.OPEN_RUNS", 2)
    for name in "abc":
        write_run(tmp_path / name, steps=2)
    index = RunIndex(tmp_path)
    first = index.open("a")
    assert index.open("a") is first
    index.open("b")
    index.open("c")
    assert index.open("a") is not first
