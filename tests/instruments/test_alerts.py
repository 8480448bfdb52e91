"""What is an alert, and what it says."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.instruments.alerts import alerts
from cockpit.instruments.lamp_panels import marks
from cockpit.lamps import get
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Scalar
from tests.lamps.lines import Watched, watched
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


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Watched]:
    """Of a run that lamps watch."""
    with watched(tmp_path / "watched") as made:
        made.steps(20, {"inputs.nonfinite": 0, "update.decrease": 0.1})
        yield made


def test_a_lit_lamp_is_an_alert_with_cause_evidence_and_advice(run: Watched) -> None:
    run.lamp(
        "learning_rate_too_large", level="warning", since=12, evidence="α is 0.6 (over −0.1).",
        numbers={"alpha": 0.6, "odd": "NaN"}, layers=["0.weight"],
        suggestion={"change": "lr", "factor": 1 / 3, "value": None, "layers": []},
    )  # fmt: skip
    run.lamp("oscillation", cause="learning_rate_too_large", evidence="It alternates.")
    (found,) = alerts(run.log)
    lamp = get("learning_rate_too_large")
    assert (found["level"], found["lamp"], found["step"]) == ("warning", lamp.name, 12)
    assert (found["message"], found["means"], found["advice"]) == (lamp.title, lamp.means, lamp.do)
    assert found["evidence"] == "α is 0.6 (over −0.1)."
    assert found["numbers"] == {"alpha": 0.6, "odd": "nan"}
    assert found["layers"] == ("0.weight",)
    assert found["suggestion"] == "learning rate × 0.333"
    (explained,) = found["consequences"]
    assert (explained["title"], explained["evidence"]) == ("Oscillation", "It alternates.")
    assert found["curve"]["quantity"] == "Alpha"
    assert found["curve"]["since"] == pytest.approx(120 * 12 / 19, abs=0.1)
    json.dumps(found, allow_nan=False)


def test_an_alert_is_another_one_when_it_lights_anew_or_grows_worse(run: Watched) -> None:
    ids = []
    lit, worse, out = ("on", "caution", 3), ("update", "warning", 3), ("off", "warning", 3)
    for state, level, since in (lit, worse, out, ("on", "caution", 9)):
        run.lamp("dead_units", state, level=level, since=since)
        ids += [alert["id"] for alert in alerts(run.log)]
    assert len(ids) == len(set(ids)) == 3
    run.steps(5)
    assert [alert["id"] for alert in alerts(run.log)] == ids[-1:]


def test_levels_come_in_order_and_lamps_before_the_rest(run: Watched) -> None:
    run.lamp("a", level="advisory")
    run.lamp("b", level="warning")
    run.lamp("c", level="caution")
    run.writer.event("caution", "absent", "too few samples", step=2, time=0.1)
    run.writer.event("warning", "fault", "broken", step=2, time=0.1)
    found = [(alert["level"], alert["lamp"]) for alert in alerts(run.log)]
    assert found == [("warning", "b"), ("warning", None), ("caution", "c"), ("caution", None),
                     ("advisory", "a")]  # fmt: skip


def test_a_lamp_that_tells_why_takes_what_is_not_finite(run: Watched) -> None:
    run.writer.step(20, {"Loss": Scalar(float("nan"))}, time=2.0)
    assert [alert["kind"] for alert in alerts(run.log)] == ["nonfinite"]
    run.next = 21
    run.lamp("nonfinite_input", level="warning")
    (found,) = alerts(run.log)
    assert found["lamp"] == "nonfinite_input"
    assert found["consequences"][-1]["title"] == "Loss: not a finite number"
    assert found["consequences"][-1]["step"] == 20


def test_a_lamp_of_another_version_is_shown_by_its_name(run: Watched) -> None:
    run.lamp("from_the_future", level="warning", evidence="42")
    (found,) = alerts(run.log)
    assert (found["message"], found["advice"], found["evidence"]) == ("From the future", "", "42")
    assert (found["panels"], found["curve"]) == ((), None)


def test_each_panel_bears_the_worst_of_its_alerts(run: Watched) -> None:
    run.lamp("learning_rate_too_large", level="caution", layers=["0.weight"])
    found = alerts(run.log)
    assert set(found[0]["panels"]) >= {"alpha", "gradient_tests", "layers"}
    assert "loss" not in found[0]["panels"]
    worse = {**found[0], "level": "warning", "message": "Worse", "panels": ("alpha",)}
    signs = marks([worse, *found])
    assert signs["alpha"] == ("warning", "Worse; Learning rate too large")
    assert signs["layers"][0] == "caution"
