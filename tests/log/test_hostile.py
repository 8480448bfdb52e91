"""A log is data from elsewhere: whatever is in the file, the reader goes on."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.log import RunLog, lines, parse
from tests.synthetic import write_run

GOOD = b'{"type":"step","step":1,"time":0.5,"values":{"Loss":{"kind":"scalar","value":2.5}}}\n'


def look_at_everything(log: RunLog) -> None:
    assert log.status in ("running", "finished", "failed", "interrupted", "stalled")
    assert isinstance(log.header["config"], dict)
    for layer in log.layers:
        assert layer.size >= 0
    for event in log.events:
        assert event["level"] in ("info", "caution", "warning")
    for lamp in log.lamps:
        assert lamp["level"] in ("warning", "caution", "advisory")
        assert all(isinstance(value, float) for value in lamp["numbers"].values())
    for name in (*log.quantities, "Loss"):
        length = len(log.series(name))
        assert len(log.notes(name)) == length
        steps, matrix = log.layer_series(name)
        assert matrix.shape == (steps.size, matrix.shape[1])
        log.histogram(name)
        log.arrays(name)
        log.histogram_steps(name)
    for name in log.user_names:
        assert log.user_series(name).value.dtype == np.float64
    assert log.lr[0].size == log.lr[1].shape[0]
    assert log.overhead.value.ndim == log.batch_sizes.value.ndim == 1
    assert (log.name, log.attempts, log.last_step, log.duration, log.end) is not None
    log.record()


def read(folder: Path, content: bytes) -> RunLog:
    (folder / "log.jsonl").write_bytes(content)
    log = RunLog(folder)
    look_at_everything(log)
    return log


def test_an_empty_file(tmp_path: Path) -> None:
    log = read(tmp_path, b"")
    assert (log.attempts, log.quantities, log.name) == (0, (), tmp_path.name)
    assert log.status == "running"


def test_a_missing_header(tmp_path: Path) -> None:
    log = read(tmp_path, GOOD)
    assert log.series("Loss").value.tolist() == [2.5]
    assert (log.attempts, log.layers, log.skipped_lines) == (0, (), 0)


@pytest.mark.parametrize(
    "line",
    [
        bytes(b for b in range(256) if b != 10),
        b"\xff\xfe" + GOOD[:-1],
        b"\0" * 50,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type":"step","step":1,"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"null",
        b"[1,2]",
        b'"text"',
        b"NaN",
        b"{}",
        b'{"type":5}',
        b'{"type":"step"}',
        b'{"type":"step","step":null}',
        b'{"type":"step","step":1.5}',
        b'{"type":"step","step":"1"}',
        b'{"type":"step","step":true}',
        b'{"type":"step","step":' + b"9" * 30 + b"}",
        b'{"type":"step","step":' + b"9" * 5000 + b"}",
        b'{"type":"user","step":[],"values":{}}',
        b'{"type":"step","step":2,"values":{"\xff":{"kind":"scalar","value":1}}}',
        GOOD[:-10],
        GOOD[:-1] + GOOD[:-1],
    ],
)
def test_bad_lines_are_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    log = read(tmp_path, GOOD + line + b"\n" + GOOD.replace(b":1,", b":3,"))
    assert log.skipped_lines == 1
    assert log.series("Loss").step.tolist() == [1, 3]


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"something new","step":[]}',
        b'{"type":"step","step":2,"new":{"a":[1]},"values":{"New":{"kind":"tensor","data":[]}}}',
        b'{"type":"step","step":2,"values":{"Loss":{"kind":"scalar"}}}',
        b"  ",
        b"",
    ],
)
def test_what_is_unknown_is_ignored(tmp_path: Path, line: bytes) -> None:
    log = read(tmp_path, GOOD + line + b"\n" + GOOD.replace(b":1,", b":3,"))
    assert log.skipped_lines == (1 if line == b"  " else 0)
    assert log.quantities == ("Loss",)
    assert log.series("Loss").step.tolist() == [1, 3]


def with_values(**values: Any) -> bytes:
    record = {"type": "step", "step": 2, "time": [], "values": values}
    return json.dumps(record).encode() + b"\n"


def test_one_odd_field_costs_that_field_only(tmp_path: Path) -> None:
    odd = with_values(
        Loss={"kind": "scalar", "value": 7, "notes": {"a": 1}},
        A={"kind": "scalar", "value": "high"},
        B={"kind": "scalar", "value": True},
        C={"kind": "per_layer", "value": {}, "layers": [1, "NaN", "x", None, [], 10**400]},
        D={"kind": ["scalar"], "value": 1},
        E=5,
        F={"kind": "scalar", "value": 1, "notes": "text"},
        G={"kind": "histogram1d", "network": 3},
        H={"kind": "per_layer", "value": 1.0, "layers": "none"},
    )
    log = read(tmp_path, odd)
    assert log.skipped_lines == 0
    assert log.series("Loss").value.tolist() == [7.0]
    assert log.notes("Loss") == [{"a": 1}]
    assert log.notes("F") == [{}]
    assert set(log.quantities) == {"Loss", "C", "F", "G", "H"}
    np.testing.assert_array_equal(log.layer_series("C")[1], [[1] + [np.nan] * 5])
    assert np.isnan(log.series("C").value).all()
    assert np.isnan(log.series("Loss").time).all()
    assert log.histogram("G") is None


def test_odd_fields_of_a_step(tmp_path: Path) -> None:
    odd = b'{"type":"step","step":2,"lr":"fast","batch_size":1e3,"overhead":[1],"values":[]}\n'
    zero = b'{"type":"step","step":3,"lr":[{}],"overhead":{"step_s":0,"tracking_s":1}}\n'
    log = read(tmp_path, odd + zero)
    assert (log.skipped_lines, log.last_step, len(log.batch_sizes)) == (0, 3, 0)
    assert np.isnan(log.lr[1]).all()
    assert np.isnan(log.overhead.value).all()


@pytest.mark.parametrize("field", ["config", "environment", "optimizer", "quantities", "layers",
                                   "run", "time", "schema", "attempt", "reduction"])  # fmt: skip
@pytest.mark.parametrize("value", [None, 5, "x", [1, [2]], {"groups": 3, "a": 1}, True, -1e300])
def test_odd_headers(tmp_path: Path, field: str, value: Any) -> None:
    header = json.dumps({"type": "header", "schema": 1, field: value}).encode() + b"\n"
    log = read(tmp_path, header + GOOD)
    assert log.attempts == 1
    for name in ("config", "environment", "optimizer", "quantities"):
        assert isinstance(log.header[name], dict)
    assert all(isinstance(q, dict) for q in log.header["quantities"].values())
    assert isinstance(log.header["layers"], list)
    assert isinstance(log.header["optimizer"]["groups"], list)
    assert isinstance(log.name, str)


def test_odd_layers(tmp_path: Path) -> None:
    header = {"type": "header", "layers": [3, {"name": None, "shape": [2, "x", -1]}, {}]}
    log = read(tmp_path, json.dumps(header).encode() + b"\n" + GOOD)
    assert [x.name for x in log.layers] == ["layer 0", "None", "layer 2"]
    assert log.layers[1].shape == (2,)


def test_a_newer_schema_is_read_with_a_caution(tmp_path: Path) -> None:
    log = read(tmp_path, b'{"type":"header","schema":2}\n' + GOOD)
    (event,) = log.events
    assert (event["level"], event["kind"]) == ("caution", "schema")
    assert "schema 2" in event["message"]
    assert len(log.series("Loss")) == 1


def test_odd_events_and_ends(tmp_path: Path) -> None:
    content = (
        b'{"type":"event","step":"x","level":[],"kind":7,"message":null,"time":{},"quantity":1}\n'
        b'{"type":"end","status":["finished"],"time":"Infinity"}\n'
    )
    log = read(tmp_path, content)
    event = {"step": None, "time": 0.0, "level": "info", "kind": "7", "quantity": None}
    assert log.events == [{**event, "message": "None", "attempt": 0}]
    assert log.status == "interrupted"


def test_lines_that_are_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 1000
    monkeypatch.setattr(lines, "MAX_LINE", limit)
    later = GOOD.replace(b":1,", b":3,")
    for length in (limit - 1, limit, limit + 1, 2 * limit - 1, 2 * limit, 10 * limit):
        log = read(tmp_path, GOOD + b"x" * length + b"\n" + later)
        assert log.skipped_lines == 1
        assert log.series("Loss").step.tolist() == [1, 3]


def test_a_long_line_that_is_still_growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 1000)
    log = read(tmp_path, GOOD)
    for i, piece in enumerate([b"x" * 900, b"x" * 900, b"x" * 5000, b"x\n", GOOD]):
        with log.path.open("ab") as file:
            file.write(piece)
        log.refresh()
        assert log.skipped_lines == (0 if i == 0 else 1)
    assert len(log.series("Loss")) == 1
    assert log.record() == json.loads(GOOD)


def test_a_huge_line_takes_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "log.jsonl").open("wb") as file:
        file.write(GOOD)
        file.truncate(10 * parse.MAX_LINE)  # a sparse file: zeros
    tracemalloc.start()
    log = RunLog(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.skipped_lines == 1
    assert len(log.series("Loss")) == 1
    assert peak < 4 * parse.MAX_LINE


def test_long_lines_are_not_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_ODD_LINE", 10)
    assert parse.parse_line(GOOD) is not None
    assert parse.parse_line(b'{"type":"event","step":1}') is None


def test_a_few_wide_rows_do_not_blow_up_a_matrix(tmp_path: Path) -> None:
    wide = b'{"type":"step","step":1,"lr":[%s0]}\n' % (b"0," * 100_000)
    narrow = b"".join(b'{"type":"step","step":%d,"lr":[1]}\n' % i for i in range(2, 20_000))
    log = read(tmp_path, wide + narrow)
    assert log.lr[1].shape == (0, 100_001)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_log_never_stops_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    source = tmp_path / "source"
    if not source.exists():
        write_run(source, steps=11, layers=3, resume_at=5)
    content = bytearray((source / "log.jsonl").read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(content) - 1))
        what = data.draw(st.binary(min_size=0, max_size=5))
        content[at : at + data.draw(st.integers(0, 50))] = what
    read(tmp_path, bytes(content))


def test_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    with pytest.raises(FileNotFoundError, match="No log"):
        RunLog(tmp_path)


def test_a_histogram_that_is_damaged_in_the_file(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path, steps=2, layers=2, quantities=["GradHist1d"]))
    assert log.histogram("GradHist1d") is not None
    content = log.path.read_bytes()
    log.path.write_bytes(content.replace(b'"counts":[', b'"counts":{'))
    assert log.histogram("GradHist1d") is None
    log.path.write_bytes(b"x" * len(content))
    assert log.histogram("GradHist1d") is None
    assert log.record() is None


def test_odd_lamps(tmp_path: Path) -> None:
    odd = {"type": "lamp", "step": 3, "lamp": "x", "state": "on", "level": [], "since": "a",
           "numbers": {"a": "Infinity", "b": None, "c": "word"}, "layers": 5, "time": "NaN",
           "suggestion": {"change": "lr", "factor": True}, "evidence": None,
           "cause": {}}  # fmt: skip
    unknown = [{**odd, key: value} for key, value in
               (("state", "blinks"), ("state", []), ("lamp", 3), ("step", "x"))]  # fmt: skip
    lines = [json.dumps(record).encode() + b"\n" for record in (odd, *unknown)]
    (lamp,) = read(tmp_path, GOOD + b"".join(lines)).lamps
    assert lamp == {
        "step": 3, "time": 0.0, "lamp": "x", "state": "on", "level": "advisory", "since": 3,
        "evidence": "", "numbers": {"a": float("inf")}, "layers": [], "cause": None, "attempt": 0,
        "suggestion": {"change": "lr", "factor": None, "value": None, "layers": []},
    }  # fmt: skip
