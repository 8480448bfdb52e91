"""What RunLog makes of a log: whole, growing, resumed, replaced."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Counts1d, Facts, Histogram1d, Histogram2d, Layer, PerLayer, Scalar
from tests.synthetic import (
    BATCH_SIZE,
    BINS,
    QUANTITIES,
    START,
    make_header,
    make_layers,
    make_values,
    write_run,
)

LAYERS = (Layer("a", (2,), "", "Linear"), Layer("b", (3, 4), "m", "Conv2d", trainable=False))


def snapshot(log: RunLog) -> Any:
    """All that a log says, comparable."""
    names = log.quantities
    said = {
        "header": log.header,
        "layers": log.layers,
        "counts": (log.attempts, log.skipped_lines, log.last_step, log.duration, log.status),
        "events": log.events,
        "lamps": log.lamps,
        "series": {n: [x.tolist() for x in vars(log.series(n)).values()] for n in names},
        "layer_series": {n: [x.tolist() for x in log.layer_series(n)] for n in names},
        "notes": {n: log.notes(n) for n in names},
        "stored": {n: log.histogram_steps(n).tolist() for n in names},
        "user": {n: log.user_series(n).value.tolist() for n in log.user_names},
        "lr": [x.tolist() for x in log.lr],
        "more": [log.batch_sizes.value.tolist(), log.overhead.value.tolist()],
        "record": log.record(),
    }
    return repr(said)


def rounded(value: float, digits: int = 9) -> float:
    return float(f"{value:.{digits}g}")


def test_a_synthetic_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "first", steps=60, layers=4, seed=3))
    layers = make_layers(4)
    assert log.name == "first"
    assert log.layers == layers
    assert log.header["time"] == START
    assert (log.status, log.attempts, log.last_step, log.skipped_lines) == ("finished", 1, 59, 0)
    assert set(log.quantities) == set(QUANTITIES)
    for name, recipe in QUANTITIES.items():
        interval, kind = recipe.interval, recipe.kind
        written = [
            make_values(step, layers, [name], steps=60, seed=3)[name]
            for step in range(0, 60, interval)
        ]
        steps = list(range(0, 60, interval))
        if kind in ("scalar", "per_layer"):
            series = log.series(name)
            assert series.step.tolist() == steps
            assert series.value.tolist() == [rounded(v.value) for v in written]  # type: ignore[union-attr]
            assert log.notes(name) == [v.notes for v in written]
        else:
            assert log.histogram_steps(name).tolist() == steps
        if kind == "per_layer":
            at, matrix = log.layer_series(name)
            assert at.tolist() == steps
            assert matrix.tolist() == [[rounded(x, 7) for x in v.layers] for v in written]  # type: ignore[union-attr]


def test_what_else_a_step_says(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=10, layers=2))
    steps, rates = log.lr
    assert steps.tolist() == list(range(10))
    assert rates.tolist() == [[0.05]] * 5 + [[0.005]] * 5
    assert log.batch_sizes.value.tolist() == [BATCH_SIZE] * 10
    assert log.overhead.value.tolist() == pytest.approx([0.75] * 10)
    assert (np.diff(log.series("Loss").time) > 0).all()
    assert log.duration > log.series("Loss").time[-1]
    assert log.end is not None
    assert log.end["steps"] == 10
    record = log.record(4)
    assert record is not None
    assert (record["step"], record["values"]["Loss"]["kind"]) == (4, "scalar")


def test_user_values(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    w.user(0, {"acc": 0.1, "text": "NaN is a number, this is not", "nested": {"a": 1}}, time=1)
    w.user(5, {"acc": math.nan, "flag": True, "epoch": 3}, time=2)
    w.user(5, {"acc": 0.3}, time=3)
    w.close()
    log = RunLog(tmp_path)
    assert log.user_names == ("acc", "flag", "epoch")
    acc = log.user_series("acc")
    assert (acc.step.tolist(), acc.value.tolist(), acc.time.tolist()) == (
        [0, 5],
        [0.1, 0.3],
        [1, 3],
    )
    assert log.user_series("flag").value.tolist() == [1.0]


def test_names_that_are_not_there_give_nothing(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=3, layers=2, quantities=["Loss"]))
    steps, matrix = log.layer_series("Alpha")
    assert len(log.series("Alpha")) == len(log.user_series("x")) == steps.size == 0
    assert matrix.shape == (0, 2)
    assert log.layer_series("Loss")[1].shape == (0, 2)
    assert log.notes("Alpha") == []
    assert log.histogram("GradHist1d") is None
    assert log.histogram_steps("GradHist1d").size == 0


def test_arrays_are_read_only(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=3, layers=2))
    for array in (log.series("Loss").value, log.layer_series("GradNorm")[1], log.lr[1]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_histograms_are_found_at_or_before_a_step(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=25, layers=3, seed=1))
    layers = make_layers(3)
    found = log.histogram("GradHist2d", 19)
    assert found is not None
    step, histogram = found
    written = make_values(10, layers, ["GradHist2d"], steps=25, seed=1)["GradHist2d"]
    assert step == 10
    assert isinstance(histogram, Histogram2d)
    assert isinstance(written, Histogram2d)
    np.testing.assert_array_equal(histogram.network, written.network)
    assert log.histogram("GradHist2d", -1) is None
    latest = log.histogram("GradHist1d")
    assert latest is not None
    assert latest[0] == 24
    assert isinstance(latest[1], Histogram1d)
    assert log.histogram("Parameters") is None
    assert log.histogram("Loss") is None
    arrays = log.arrays("Parameters", 24)
    assert arrays is not None
    assert arrays[0] == 0
    assert [a.size for a in arrays[1].layers if a is not None] == [x.size for x in layers]
    assert log.arrays("GradHist1d") is None
    assert log.record(-1) is None


def test_facts_are_found_at_or_before_a_step(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {"layers": LAYERS})
    w.step(0, {"Facts": Facts({"a.b": 1, "a.c": [0.5, math.inf]}), "Loss": Scalar(1.0)}, time=0)
    w.step(1, {"Loss": Scalar(1.0)}, time=0)
    w.step(2, {"Facts": Facts({"a.b": True, "a.d": "word"}), "Mine": Facts({})}, time=0)
    w.close()
    log = RunLog(tmp_path)
    assert log.quantities == ("Loss", "Facts", "Mine")
    assert log.histogram_steps("Facts").tolist() == [0, 2]
    assert log.facts(1) == (0, {"a.b": 1, "a.c": [0.5, math.inf]})
    assert log.facts() == (2, {"a.b": True, "a.d": "word"})
    assert log.facts(name="Mine") == (2, {})
    assert log.facts(-1) is None
    assert log.facts(name="Loss") is None
    assert len(log.series("Facts")) == 0


def test_nan_inf_and_none(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {"layers": LAYERS})
    w.step(0, {"A": Scalar(math.nan), "B": PerLayer(math.inf, (None, -math.inf))}, time=0)
    w.step(1, {"A": Scalar(1.0), "B": PerLayer(math.nan, (2.0, math.nan))}, time=0, lr=[math.nan])
    w.close()
    log = RunLog(tmp_path)
    np.testing.assert_array_equal(log.series("A").value, [math.nan, 1.0])
    np.testing.assert_array_equal(log.series("B").value, [math.inf, math.nan])
    np.testing.assert_array_equal(
        log.layer_series("B")[1], [[math.nan, -math.inf], [2.0, math.nan]]
    )
    np.testing.assert_array_equal(log.lr[1], [[math.nan]])


def test_a_diverged_run_keeps_its_whole_log(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=40, layers=2, diverge_at=20))
    loss = log.series("Loss")
    assert len(loss) == 40
    assert np.isfinite(loss.value[:28]).all()
    assert np.isposinf(loss.value[28])
    assert np.isnan(loss.value[29:]).all()
    (event,) = log.events
    assert (event["level"], event["step"], event["quantity"]) == ("warning", 28, "Loss")
    json.loads((tmp_path / "log.jsonl").read_text().splitlines()[35], parse_constant=pytest.fail)


# -- attempts ---------------------------------------------------------------------------------


def test_a_resumed_run_supersedes_the_overlap(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "whole", steps=100, layers=2, seed=0)
    path = write_run(tmp_path / "run", steps=100, layers=2, seed=0, resume_at=50)
    log, one = RunLog(path), RunLog(whole)
    loss = log.series("Loss")
    assert log.attempts == 2
    assert log.header["attempt"] == 2
    assert loss.step.tolist() == list(range(100))
    assert (np.diff(loss.time) > 0).all()  # an hour's pause is no training
    assert loss.time[-1] < 10
    assert loss.value[:50].tolist() == one.series("Loss").value[:50].tolist()
    assert loss.value[50] != one.series("Loss").value[50]
    assert log.user_series("epoch").step.tolist() == [0, 20, 40, 60, 80]
    assert log.histogram_steps("GradHist2d").tolist() == list(range(0, 100, 10))
    assert log.status == "finished"


def attempt(path: Path, steps: range, *, shift: float = 0.0, **header: Any) -> LogWriter:
    w = LogWriter(path, header)
    for step in steps:
        w.step(step, {"Loss": Scalar(step + shift)}, time=float(step - steps.start))
    return w


def test_three_attempts_each_going_back_further(tmp_path: Path) -> None:
    attempt(tmp_path, range(10)).close()
    attempt(tmp_path, range(6, 9), shift=0.25).close()
    attempt(tmp_path, range(3, 5), shift=0.5).close()
    log = RunLog(tmp_path)
    assert log.series("Loss").value.tolist() == [0, 1, 2, 3.5, 4.5]
    assert log.last_step == 4
    assert log.series("Loss").time.tolist() == [0, 1, 2, 2, 3]
    assert log.duration == 3


def test_an_attempt_without_steps_supersedes_nothing(tmp_path: Path) -> None:
    attempt(tmp_path, range(4)).close()
    w = attempt(tmp_path, range(0))
    w.user(2, {"acc": 1.0}, time=0)
    w.close()
    log = RunLog(tmp_path)
    assert log.attempts == 2
    assert len(log.series("Loss")) == 4
    assert len(log.user_series("acc")) == 1


def test_events_lamps_and_user_values_of_superseded_steps_are_left_out(tmp_path: Path) -> None:
    w = attempt(tmp_path, range(10))
    for step in (3, 8, None):
        w.event("info", "test", "m", step=step, time=2)
    for step in (3, 8):
        w.lamp(step, {"lamp": "some", "state": "on"}, time=2)
    w.user(3, {"acc": 0.0}, time=2)
    w.user(8, {"acc": 0.0, "only": 1.0}, time=2)
    w.close()
    attempt(tmp_path, range(5, 6)).close()
    log = RunLog(tmp_path)
    assert [(e["step"], e["attempt"]) for e in log.events] == [(3, 1), (None, 1)]
    assert [(one["step"], one["attempt"]) for one in log.lamps] == [(3, 1)]
    assert log.user_names == ("acc",)
    assert log.user_series("acc").step.tolist() == [3]


def test_an_end_counts_for_its_attempt_only(tmp_path: Path) -> None:
    w = attempt(tmp_path, range(2))
    w.end("finished", time=9, steps=2)
    w.close()
    assert RunLog(tmp_path).status == "finished"
    attempt(tmp_path, range(2, 3)).close()
    log = RunLog(tmp_path)
    assert (log.status, log.end) == ("running", None)


def test_layers_are_matched_by_name_when_the_model_changed(tmp_path: Path) -> None:
    one, two, three = (Layer(n, (1,), "", "L") for n in "abc")
    w = LogWriter(tmp_path, {"layers": [one, two]})
    w.step(0, {"N": PerLayer(0, (1.0, 2.0))}, time=0)
    w.close()
    w = LogWriter(tmp_path, {"layers": [two, three, one]})
    w.step(1, {"N": PerLayer(0, (3.0, 4.0, 5.0))}, time=0)
    w.step(2, {"N": PerLayer(0, ())}, time=0)
    w.step(3, {"N": PerLayer(0, (6.0,))}, time=0)
    w.close()
    steps, matrix = RunLog(tmp_path).layer_series("N")
    nan = math.nan
    assert steps.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(matrix, [[2, nan, 1], [3, 4, 5], [nan] * 3, [6, nan, nan]])


def test_a_step_that_is_recorded_twice_counts_once(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    for step, value in ((0, 1.0), (2, 2.0), (1, 3.0), (2, 4.0)):
        w.step(step, {"Loss": Scalar(value)}, time=0)
    w.step(1, {"Other": Scalar(0.0)}, time=0)
    w.close()
    log = RunLog(tmp_path)
    assert log.series("Loss").step.tolist() == [0, 1, 2]
    assert log.series("Loss").value.tolist() == [1.0, 3.0, 4.0]


# -- status -----------------------------------------------------------------------------------


def test_a_run_that_no_longer_grows_is_stalled(tmp_path: Path) -> None:
    write_run(tmp_path, steps=3, layers=2, torn=True)
    log = RunLog(tmp_path)
    assert log.status == "running"
    past = time.time() - 1000
    os.utime(log.path, (past, past))
    log.refresh()
    assert log.status == "stalled"
    assert RunLog(tmp_path, stalled_after=2000).status == "running"


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
def test_end_status(tmp_path: Path, status: Any) -> None:
    w = LogWriter(tmp_path, {})
    w.end(status, time=1, steps=0)
    w.close()
    assert RunLog(tmp_path).status == status


# -- growing ----------------------------------------------------------------------------------


def test_refresh_at_every_byte_equals_a_fresh_read(tmp_path: Path) -> None:
    source = write_run(tmp_path / "a", steps=12, layers=2, resume_at=6).joinpath("log.jsonl")
    content = source.read_bytes()
    log_file = tmp_path / "b" / "log.jsonl"
    log_file.parent.mkdir()
    log_file.write_bytes(b"")
    log = RunLog(log_file.parent)
    sizes = np.unique(np.random.default_rng(0).integers(0, len(content), 60)).tolist()
    for begin, end in zip([0, *sizes], [*sizes, len(content)], strict=True):
        with log_file.open("ab") as file:
            file.write(content[begin:end])
        grew = log.refresh()
        assert grew == (b"\n" in content[begin:end])
        assert snapshot(log) == snapshot(RunLog(log_file))
    assert log.last_step == 11


def test_refresh_of_an_idle_log_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(write_run(tmp_path, steps=3, layers=2))
    monkeypatch.setattr(Path, "open", pytest.fail)
    assert log.refresh() is False


def test_a_torn_tail_is_not_read_and_not_counted(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=10, layers=2, torn=True))
    assert (log.last_step, log.skipped_lines) == (8, 0)
    w = LogWriter(tmp_path, make_header(make_layers(2), ["Loss"]))
    w.step(9, {"Loss": Scalar(0.5)}, time=0)
    assert log.refresh()
    w.close()
    assert (log.last_step, log.skipped_lines, log.attempts) == (9, 0, 2)
    assert log.events[-1]["kind"] == "repair"


def test_a_bad_line_in_the_middle_costs_that_line_only(tmp_path: Path) -> None:
    log_file = write_run(tmp_path, steps=10, layers=2) / "log.jsonl"
    lines = log_file.read_bytes().splitlines(keepends=True)
    bad = next(i for i, line in enumerate(lines) if b'"step":4,' in line)
    lines[bad] = lines[bad][:100] + b"\n"
    lines.insert(bad, b"\n")
    log_file.write_bytes(b"".join(lines))
    log = RunLog(tmp_path)
    assert log.skipped_lines == 1
    assert log.series("Loss").step.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    record = log.record(5)
    assert record is not None
    assert record["step"] == 5


@pytest.mark.parametrize("how", ["truncated", "replaced", "rewritten"])
def test_a_file_that_became_another_is_read_anew(tmp_path: Path, how: str) -> None:
    log = RunLog(write_run(tmp_path / "run", steps=30, layers=2))
    shorter = how == "truncated"
    other = write_run(tmp_path / "other", steps=10 if shorter else 40, layers=3, seed=9)
    if how == "replaced":
        os.replace(other / "log.jsonl", log.path)
        other = log.path
    else:  # the same inode
        log.path.write_bytes((other / "log.jsonl").read_bytes())
    assert log.refresh()
    assert log.last_step == (9 if shorter else 39)
    assert len(log.layers) == 3
    assert snapshot(log).replace("'run'", "") == snapshot(RunLog(other)).replace("'run'", "")


def test_truncated_to_nothing(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=3, layers=2))
    log.path.write_bytes(b"")
    assert log.refresh()
    assert (log.quantities, log.last_step, log.attempts, log.duration) == ((), None, 0, 0.0)


def test_a_log_that_vanished_is_kept_until_it_comes_back(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "run", steps=3, layers=2))
    shutil.rmtree(tmp_path / "run")
    assert log.refresh() is False
    assert log.last_step == 2
    assert log.histogram("GradHist1d") is None
    write_run(tmp_path / "run", steps=5, layers=2)
    assert log.refresh()
    assert log.last_step == 4


def test_a_file_that_vanishes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(write_run(tmp_path, steps=3, layers=2, torn=True))
    with log.path.open("ab") as file:
        file.write(b"\n")

    def gone(*args: Any, **kwargs: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("cockpit.log.lines.LineReader._is_same_file", lambda *_: True)
    monkeypatch.setattr(Path, "open", gone)
    assert log.refresh() is False
    monkeypatch.undo()
    assert log.refresh() is True
    assert log.skipped_lines == 1


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"log\.jsonl"):
        RunLog(tmp_path)
    with pytest.raises(FileNotFoundError, match="No log"):
        RunLog(tmp_path / "nowhere")


def test_threads_may_read_while_it_grows(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {"layers": LAYERS})
    counts = Counts1d(np.ones(BINS.count, np.int64), 0, 0, 0)
    log = RunLog(tmp_path)
    failures: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                log.refresh()
                loss = log.series("Loss")
                assert loss.value.tolist() == loss.step.tolist()
                assert log.layer_series("N")[1].shape[1] == 2
                found = log.histogram("H")
                assert found is None or found[1].network.counts.sum() == BINS.count  # type: ignore[union-attr]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(200):
        values = {
            "Loss": Scalar(step),
            "N": PerLayer(0, (1.0, 2.0)),
            "H": Histogram1d(BINS, counts),
        }
        w.step(step, values, time=step)
    done.set()
    for thread in threads:
        thread.join()
    w.close()
    assert failures == []


def test_reading_needs_no_torch_and_no_plotting_library() -> None:
    code = "import sys, cockpit.log; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"torch", "backpack", "matplotlib", "plotly", "dash"}
    assert heavy.isdisjoint(done.stdout.split())
