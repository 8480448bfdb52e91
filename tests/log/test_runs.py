"""find_runs: what is a run, and what lies outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockpit.log import find_runs


def make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").touch()
    return folder


def test_runs_are_found_at_every_depth_and_sorted(tmp_path: Path) -> None:
    runs = [make(tmp_path / name) for name in ("b", "a/deep/er", "b/inside", "c")]
    (tmp_path / "empty").mkdir()
    assert find_runs(tmp_path) == sorted(runs)


def test_the_folder_itself_may_be_a_run(tmp_path: Path) -> None:
    assert find_runs(make(tmp_path)) == [tmp_path]


def test_nothing_outside_is_found(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside")
    runs = tmp_path / "runs"
    inside = make(runs / "mine")
    (runs / "link").symlink_to(outside, target_is_directory=True)
    (runs / "up").symlink_to(tmp_path, target_is_directory=True)
    (runs / "fake").mkdir()
    (runs / "fake" / "log.jsonl").symlink_to(outside / "log.jsonl")
    (runs / "dangling").mkdir()
    (runs / "dangling" / "log.jsonl").symlink_to(tmp_path / "nowhere")
    (runs / "folder" / "log.jsonl").mkdir(parents=True)
    assert find_runs(runs) == [inside]


def test_pipes_are_no_logs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    assert find_runs(tmp_path) == []


def test_a_log_that_vanishes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)

    def gone(self: Path) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "lstat", gone)
    assert find_runs(tmp_path) == []


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="holds the runs"):
        find_runs(tmp_path / "nowhere")
