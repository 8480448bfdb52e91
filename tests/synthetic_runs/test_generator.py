"""Synthetic runs are what real ones would be, and show what they claim to."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cockpit.lamps.outcome import Outcome
from cockpit.log import LogWriter, RunLog
from cockpit.synthetic import (
    KINDS,
    Course,
    Training,
    keep_writing,
    lamp_line,
    make_layers,
    make_residual_layers,
    write_kind,
    write_run,
)
from cockpit.synthetic.__main__ import main
from cockpit.synthetic.hostile import TEXTS
from cockpit.synthetic.lines import json_numbers, time_of
from cockpit.synthetic.quantities import STEP_S, TRACKING_S
from cockpit.synthetic.stretch import BATCH_SIZE
from cockpit.synthetic.training import START

SHORT = [name for name in KINDS if name != "million"]


@pytest.mark.parametrize("changes", [{}, {"diverge_at": 530}, {"nan_at": 3, "spike_at": 5}])
def test_lines_are_those_of_the_writer(tmp_path: Path, changes: dict[str, int]) -> None:
    """Byte for byte, across the border of a block of random numbers."""
    layers, steps = make_layers(3), 560
    names = ("Loss", "Alpha", "GradHist1d", "GradNorm", "HessMaxEV", "GradHist2d", "Time")
    write_run(tmp_path / "fast" / "run", steps, layers, 7, quantities=names, **changes)
    training = Training(Course(steps, 7, **changes), layers, names)
    writer = LogWriter(tmp_path / "slow" / "run", training.header(START))
    overhead = {"step_s": STEP_S, "tracking_s": TRACKING_S}
    for step in range(steps):
        rate = [float(training.course.rates(np.array([step]))[0])]
        writer.step(step, training.values(step), time=time_of(step), batch_size=BATCH_SIZE,
                    lr=rate, overhead=overhead)  # fmt: skip
    writer.close()
    fast, slow = (
        [line for line in (tmp_path / speed / "run" / "log.jsonl").read_bytes().splitlines()
         if line.startswith((b'{"type":"step"', b'{"type":"header"'))]
        for speed in ("fast", "slow")
    )  # fmt: skip
    assert fast == slow


def test_numbers_are_rounded_as_the_codec_does() -> None:
    values = np.array([0.0, -1.5, 123456789012.0, 1.23456789012e-7, 1e-300, 2.5e20])
    expected = [float(f"{x:.9g}") for x in values.tolist()]
    assert json_numbers(values, 9) == pytest.approx(expected, rel=1e-15)
    odd = np.array([[np.nan, 1.0], [np.inf, -np.inf]])
    assert json_numbers(odd, 7) == [["NaN", 1.0], ["Infinity", "-Infinity"]]


@pytest.mark.parametrize("name", SHORT)
def test_every_kind_is_read_back_whole(tmp_path: Path, name: str) -> None:
    log = RunLog(write_kind(name, tmp_path / name))
    assert log.skipped_lines == 0
    lines = (tmp_path / name / "log.jsonl").read_bytes().split(b"\n")
    assert (lines[-1] == b"") == (name != "torn")
    assert log.attempts == (2 if name == "resumed" else 1)
    assert log.last_step == KINDS[name].settings.get("steps", 200) - 1 - (name == "torn")
    statuses = {"torn": "stalled", "stalled": "stalled", "markup": "failed"}
    assert log.status == statuses.get(name, "finished")


@pytest.mark.parametrize("name", ["healthy", "deep", "markup"])
def test_the_same_seed_gives_the_same_log(tmp_path: Path, name: str) -> None:
    first, again, other = (
        write_kind(name, tmp_path / place / name, steps=60, seed=seed) / "log.jsonl"
        for place, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("resume_at", [None, 130])
def test_lamps_light_after_the_record_of_their_step(tmp_path: Path, resume_at: int | None) -> None:
    path = write_kind("lamp-warning", tmp_path / "w", steps=200, resume_at=resume_at)
    written = (path / "log.jsonl").read_bytes().splitlines()
    lines = [msgspec.json.decode(line) for line in written]
    lit = [i for i, line in enumerate(lines) if line["type"] == "lamp"]
    assert lit
    for i in lit:
        told = [line for line in lines[:i] if line["type"] == "step"][-1]
        assert (told["step"], told["time"]) == (lines[i]["step"], lines[i]["time"])
    log = RunLog(path)
    outcome = Outcome.of_log(log)
    assert log.skipped_lines == 0
    names = [episode.lamp for episode in outcome.lit]
    assert ("learning_rate_too_large" in names) == (resume_at is None)
    assert [e.lamp for e in outcome.past if e.level == "advisory"] == ["loader_bound"]


def test_the_lamps_of_a_dark_run_watch(tmp_path: Path) -> None:
    outcome = Outcome.of_log(RunLog(write_kind("lamps-dark", tmp_path / "d", steps=20)))
    assert outcome.watched
    assert (outcome.lit, outcome.past) == ((), ())
    assert outcome.healthy


def test_a_healthy_run_has_nothing_to_complain_of(tmp_path: Path) -> None:
    log = RunLog(write_kind("healthy", tmp_path / "healthy"))
    assert log.events == []
    for name in log.quantities:
        assert np.isfinite(log.series(name).value).all(), name
    loss = log.series("Loss").value
    assert loss[-50:].mean() < loss[:50].mean() / 3
    assert 0 < np.median(log.series("Alpha").value) < 0.4


def test_a_diverging_run_grows_then_is_not_finite(tmp_path: Path) -> None:
    log = RunLog(write_kind("diverging", tmp_path / "d"))
    loss = log.series("Loss").value
    assert loss[239] < 2
    assert loss[247] > 1e3
    assert np.isinf(loss[248])
    assert np.isnan(loss[249:]).all()
    assert [e["step"] for e in log.events] == [248]
    found = log.histogram("GradHist1d", 247)
    assert found is not None
    assert found[1].network.over > found[1].network.counts.sum() / 10  # type: ignore[union-attr]
    last = log.histogram("GradHist1d")
    assert last is not None
    assert last[1].network.nonfinite > 0  # type: ignore[union-attr]


def test_nan_is_at_one_step_only(tmp_path: Path) -> None:
    log = RunLog(write_kind("nan", tmp_path / "n"))
    for name in ("Loss", "GradNorm"):
        series = log.series(name)
        assert series.step[~np.isfinite(series.value)].tolist() == [250]


def test_a_resumed_run_goes_on_in_time_and_steps(tmp_path: Path) -> None:
    log = RunLog(write_kind("resumed", tmp_path / "r"))
    loss = log.series("Loss")
    assert loss.step.tolist() == list(range(500))
    assert (np.diff(loss.time) > 0).all()
    assert len((tmp_path / "r" / "log.jsonl").read_bytes().splitlines()) > 520


def test_a_deep_run_has_gradients_that_vanish_toward_the_input(tmp_path: Path) -> None:
    log = RunLog(write_kind("deep", tmp_path / "deep", steps=40))
    assert len(log.layers) == 100
    assert len({layer.name for layer in log.layers}) == 100
    assert {layer.module_type for layer in log.layers} == {"Conv2d", "BatchNorm2d", "Linear"}
    norms = np.median(log.layer_series("GradNorm")[1], axis=0)
    assert norms[0] < 1e-3 * norms[-1]
    found = log.histogram("GradHist1d")
    assert found is not None
    spread = [np.count_nonzero(c.counts) for c in found[1].layers if c is not None]  # type: ignore[union-attr]
    assert spread[0] <= 2 < spread[-1]


def test_learning_rates_from_too_small_to_diverging(tmp_path: Path) -> None:
    logs = [RunLog(write_kind(name, tmp_path / name, steps=200)) for name in KINDS if "lr-" in name]
    alphas = [float(np.median(log.series("Alpha").value[:80])) for log in logs]
    assert alphas == sorted(alphas)
    assert alphas[0] < -0.5
    assert alphas[-1] > 0.6
    ends = [float(log.series("Loss").value[-20:].mean()) for log in logs]
    assert np.nanargmin(ends) == 2
    assert np.isnan(ends[4])
    rates = [log.header["optimizer"]["groups"][0]["lr"] for log in logs]
    assert rates == [0.002, 0.01, 0.05, 0.2, 1.0]


def test_the_long_run_has_one_spike(tmp_path: Path) -> None:
    path = write_kind("million", tmp_path / "m", steps=20_000, spike_at=12_345)
    log = RunLog(path)
    loss = log.series("Loss")
    assert len(loss) == 20_000
    assert loss.value.argmax() == 12_345
    assert np.sort(loss.value)[-2] < loss.value.max() / 100
    assert log.series("GradNorm").step.tolist() == list(range(0, 20_000, 10))


def test_markup_stands_everywhere(tmp_path: Path) -> None:
    log = RunLog(write_kind("markup", tmp_path / "m", steps=30))
    assert log.name == TEXTS[0]
    assert [layer.name for layer in log.layers] == list(TEXTS)
    assert set(TEXTS) <= set(log.quantities)
    assert {e["message"] for e in log.events} == set(TEXTS)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 99, 100, 301])
def test_residual_layers_are_as_many_as_asked_for(count: int) -> None:
    layers = make_residual_layers(count)
    assert len({layer.name for layer in layers}) == count


def test_a_live_run_keeps_its_rate_and_its_time(tmp_path: Path) -> None:
    steps = keep_writing(tmp_path / "live", rate=100, seconds=0.5, layers=2)
    log = RunLog(tmp_path / "live")
    assert steps == 50
    assert (log.status, log.last_step, log.skipped_lines) == ("finished", 49, 0)
    assert 0.45 < log.series("Loss").time[-1] < 5


def test_a_live_run_is_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert keep_writing(tmp_path / "live", rate=1e-3, stop=stop) == 0
    assert RunLog(tmp_path / "live").status == "interrupted"


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        keep_writing(tmp_path / "live", rate=0)


def test_the_command_writes_what_is_asked_for(tmp_path: Path, capsys) -> None:
    words = [str(tmp_path), "--kind", "nan", "--kind", "torn", "--steps", "40", "--seed", "3"]
    assert main(words) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nan", "torn"]
    assert "one step is NaN" in capsys.readouterr().out
    assert RunLog(tmp_path / "nan").last_step == 39
    assert main(words) == 1
    assert "nan is there already" in capsys.readouterr().err
    assert main([str(tmp_path / "live"), "--live", "--rate", "200", "--seconds", "0.1"]) == 0
    assert RunLog(tmp_path / "live").last_step == 19
    assert main([str(tmp_path / "live"), "--live", "--rate", "-1"]) == 1
    assert "rate must be positive" in capsys.readouterr().err


def test_lamps_are_said_at_their_steps(tmp_path: Path) -> None:
    lines = [lamp_line("nonfinite_input", step, state) for step, state in ((5, "on"), (30, "off"))]
    log = RunLog(write_run(tmp_path, 40, 2, resume_at=10, lamps=lines))
    assert [(one["step"], one["state"], one["attempt"]) for one in log.lamps] == [
        (5, "on", 1), (30, "off", 2),
    ]  # fmt: skip
    assert log.lamps[0]["level"] == "warning"
