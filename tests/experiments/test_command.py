"""The command trains, draws and writes; a second call trains nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from matplotlib.image import imread

from examples.experiments.gallery.command import main
from examples.experiments.gallery.experiment import experiment
from examples.experiments.gallery.page import kept

NAME = "implicit_regularization"


def arguments(folder: Path, *more: str) -> list[str]:
    return ["--quick", "--docs", str(folder), "--runs", str(folder / "runs"), *more]


def test_one_experiment_from_training_to_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path), only=NAME) == 0
    assert "steps" in capsys.readouterr().out
    finding = kept(NAME, tmp_path)
    assert finding is not None
    assert finding.form == "quick"
    assert finding.data == ("a noisy line",)
    height, width, _ = imread(tmp_path / "gallery" / f"{NAME}.png").shape
    assert width > 2 * height
    assert experiment(NAME).text in (tmp_path / "gallery.md").read_text()

    assert main(arguments(tmp_path, "--only", NAME)) == 0
    assert "100 steps" not in capsys.readouterr().out
    assert main(arguments(tmp_path, "--only", NAME, "--fresh")) == 0
    assert "100 steps" in capsys.readouterr().out


def test_the_page_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments(tmp_path), only=NAME)
    before = (tmp_path / "gallery.md").read_text()
    (tmp_path / "gallery.md").unlink()
    capsys.readouterr()
    assert main(arguments(tmp_path, "--page")) == 0
    assert (tmp_path / "gallery.md").read_text() == before
    assert "Written" in capsys.readouterr().out


def test_missing_data_leaves_an_experiment_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(tmp_path), only=NAME)

    def gone(self: object, name: str) -> None:
        raise FileNotFoundError(f"{name} could not be had")

    monkeypatch.setattr("examples.experiments.gallery.runs.Runs.data", gone)
    assert main(arguments(tmp_path), only=NAME) == 1
    assert "left out: noisy-line could not be had" in capsys.readouterr().out


def test_an_interrupt_ends_it_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: object, name: str) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("examples.experiments.gallery.runs.Runs.data", interrupted)
    assert main(arguments(tmp_path), only=NAME) == 130
    assert "goes on from here" in capsys.readouterr().out


def test_one_that_comes_to_nothing_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverged(*_: object) -> None:
        raise ValueError("got nan, expected finite numbers")

    monkeypatch.setattr("examples.experiments.same_loss.measure", diverged)
    assert main(arguments(tmp_path, "--only", NAME, "same_loss")) == 1
    assert "expected finite numbers" in capsys.readouterr().out
    assert kept(NAME, tmp_path) is not None
    assert kept("same_loss", tmp_path) is None
