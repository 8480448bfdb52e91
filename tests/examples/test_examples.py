"""Every example runs from a folder of its own and leaves the log that it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.log import RunLog

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
ECONOMY = {
    "Loss", "Time", "Alpha", "Distance", "UpdateSize", "GradNorm",
    "NormTest", "InnerTest", "OrthoTest", "GradHist1d", "Facts",
}  # fmt: skip


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def run(name: str, folder: Path, *how: str) -> str:
    """Run an example in ``folder``; what it printed."""
    path = next(path for path in EXAMPLES if path.name.startswith(name))
    done = subprocess.run(
        [sys.executable, *how, str(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_example_has_a_test() -> None:
    tested = {name.split("_")[-1] for name in globals() if name.startswith("test_example_")}
    assert tested == {path.name[:2] for path in EXAMPLES}


def test_example_01(tmp_path: Path) -> None:
    assert "cockpit ui runs" in run("01", tmp_path)
    log = RunLog(tmp_path / "runs" / "first")
    assert (log.status, log.last_step) == ("finished", 467)
    assert set(log.quantities) == ECONOMY
    assert log.events == []
    losses = log.series("Loss").value
    assert losses[-50:].mean() < losses[:50].mean()


def test_example_02(tmp_path: Path) -> None:
    run("02", tmp_path)
    log = RunLog(tmp_path / "runs" / "functional")
    assert log.status == "finished"
    assert set(log.quantities) == ECONOMY
    assert list(log.user_series("valid_accuracy").step) == [0, 50, 100, 150]
    assert log.user_series("valid_accuracy").value[-1] > 0.6


def test_example_03(tmp_path: Path) -> None:
    printed = run("03", tmp_path)
    log = RunLog(tmp_path / "runs" / "paper")
    assert log.status == "finished"
    assert list(log.series("Alpha").step) == list(range(0, 40, 2))
    assert list(log.series("HessMaxEV").step) == [0, 10, 20, 30]
    assert "variance of the first weights" in printed


def test_example_04(tmp_path: Path) -> None:
    assert "times as loud as the average" in run("04", tmp_path)
    log = RunLog(tmp_path / "runs" / "own")
    loudest = log.series("LoudestSample")
    assert list(loudest.step) == list(range(0, 100, 5))
    assert (loudest.value > 1).all()
    assert set(log.quantities) == {*ECONOMY, "LoudestSample"}


def test_example_05(tmp_path: Path) -> None:
    run("05", tmp_path)
    log = RunLog(tmp_path / "runs" / "schedules")
    steps = set(log.series("Loss").step)
    assert {0, 1, 2, 3, 50, 100, 150, 200, 250} <= steps
    assert sum(step < 50 for step in steps) > 4 * sum(step >= 200 for step in steps)
    assert set(log.series("HessTrace").step) == steps
    assert list(log.series("HessMaxEV").step) == [0, 10, 100, 299]


def test_example_06(tmp_path: Path) -> None:
    printed = run("06", tmp_path, *TORCHRUN)
    assert printed.count("Look at it") == 1
    log = RunLog(tmp_path / "runs" / "processes")
    assert (log.status, log.last_step, log.events) == ("finished", 59, [])
    assert set(log.quantities) == ECONOMY | {"HessTrace", "TICDiag", "HessMaxEV", "GradHist2d"}
    assert set(log.batch_sizes.value) == {128}
    assert log.header["environment"]["ranks"] == 2


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short_enough_to_read(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 80
    assert text.startswith('"""')
