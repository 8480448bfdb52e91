"""What is an alert, and what it says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.instruments.alerts import alerts
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Scalar
from tests.synthetic import make_header, make_layers, write_run


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LogWriter]:
    """Of a run that has begun."""
    writer = LogWriter(tmp_path / "live", make_header(make_layers(2), ["Loss"]))
    writer.step(0, {"Loss": Scalar(1.0)}, time=0.0)
    yield writer
    writer.close()


def test_a_healthy_run_is_quiet(tmp_path: Path) -> None:
    assert alerts(RunLog(write_run(tmp_path / "a", steps=30))) == []


def test_what_is_not_finite_is_one_alert(tmp_path: Path) -> None:
    names = ("Loss", "GradNorm", "Alpha", "Distance", "UpdateSize", "HessMaxEV")
    (found,) = alerts(RunLog(write_run(tmp_path / "a", 60, diverge_at=25, quantities=names)))
    assert (found["level"], found["kind"]) == ("warning", "nonfinite")
    assert "and 2 more: not a finite number" in found["message"]
    assert found["advice"]
    assert (found["step"], found["last"], found["count"]) == (33, 59, 27)


def test_like_events_are_one_alert(writer: LogWriter) -> None:
    for step in (1, 4, 2):
        writer.event("caution", "absent", "too few samples", step=step, time=0.1)
    writer.event("warning", "fault", "broken", step=2, quantity="CABS", time=0.2)
    writer.event("info", "note", "nothing", time=0.3)
    fault, absent = alerts(RunLog(writer.path))
    assert (fault["level"], fault["quantity"]) == ("warning", "CABS")
    assert (absent["step"], absent["last"], absent["count"]) == (1, 4, 3)


def test_how_a_run_ended(writer: LogWriter) -> None:
    writer.end("failed", time=1.0, steps=5, message="ZeroDivisionError")
    (found,) = alerts(RunLog(writer.path))
    assert found["level"] == "warning"
    assert "ZeroDivisionError" in found["message"]


def test_a_stalled_run_is_a_caution(writer: LogWriter) -> None:
    then = time.time() - 1000
    os.utime(writer.path, (then, then))
    (found,) = alerts(RunLog(writer.path))
    assert (found["level"], found["kind"]) == ("caution", "stalled")
