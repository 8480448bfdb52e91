"""What LogWriter puts into the file, and how it opens one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cockpit.log import LogWriter, RunLog
from cockpit.log import writer as writer_module
from cockpit.log.record import Layer, PerLayer, Scalar


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "log.jsonl").read_text("utf-8").splitlines()]


def test_every_record_as_documented(tmp_path: Path) -> None:
    layer = Layer("0.weight", (2, 3), "0", "Linear")
    w = LogWriter(tmp_path / "deep" / "run", {"layers": [layer], "time": 5.0, "config": {"a": 1}})
    overhead = {"step_s": 0.1, "tracking_s": math.nan}
    values = {"Loss": Scalar(1.0), "GradNorm": PerLayer(2.0, (None,), {"a": math.inf})}
    w.step(3, values, time=0.1234567, batch_size=8, lr=[0.1], overhead=overhead)
    w.step(4, {}, time=math.nan)
    w.user(4, {"epoch": 1, "acc": math.nan}, time=1)
    w.event("caution", "absent", "no", step=4, quantity="Alpha", time=2)
    w.event("info", "note", "yes", time=2)
    w.end("failed", time=3, steps=2, message="boom")
    w.close()
    header, *rest = lines(tmp_path / "deep" / "run")
    assert header == {
        "type": "header", "schema": 1, "run": "run", "attempt": 1, "time": 5.0, "config": {"a": 1},
        "layers": [
            {"name": "0.weight", "shape": [2, 3], "module": "0", "module_type": "Linear",
             "trainable": True},
        ],
    }  # fmt: skip
    assert list(header)[:2] == ["type", "schema"]
    assert rest == [
        {"type": "step", "step": 3, "time": 0.123457, "batch_size": 8, "lr": [0.1],
         "overhead": {"step_s": 0.1, "tracking_s": "NaN"},
         "values": {
             "Loss": {"kind": "scalar", "value": 1.0},
             "GradNorm": {"kind": "per_layer", "value": 2.0, "layers": [None],
                          "notes": {"a": "Infinity"}},
         }},
        {"type": "step", "step": 4, "time": "NaN", "values": {}},
        {"type": "user", "step": 4, "time": 1.0, "values": {"epoch": 1, "acc": "NaN"}},
        {"type": "event", "step": 4, "time": 2.0, "level": "caution", "kind": "absent",
         "quantity": "Alpha", "message": "no"},
        {"type": "event", "step": None, "time": 2.0, "level": "info", "kind": "note",
         "quantity": None, "message": "yes"},
        {"type": "end", "status": "failed", "time": 3.0, "steps": 2, "message": "boom"},
    ]  # fmt: skip


def test_the_header_cannot_change_type_schema_or_attempt(tmp_path: Path) -> None:
    LogWriter(tmp_path, {"type": "x", "schema": 9, "attempt": 9, "run": "named"}).close()
    (header,) = lines(tmp_path)
    assert (header["type"], header["schema"], header["attempt"]) == ("header", 1, 1)
    assert header["run"] == "named"


def test_each_record_is_in_the_file_when_the_call_returns(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    for step in range(3):
        w.step(step, {"Loss": Scalar(0.5)}, time=step)
        assert lines(tmp_path)[-1]["step"] == step
    w.close()


def test_a_record_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    w = LogWriter(tmp_path, {})
    written: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, b: (written.append(bytes(b)), real(fd, b))[1])
    w.step(0, {"Loss": Scalar(0.5)}, time=0)
    w.close()
    assert len(written) == 1
    assert written[0].endswith(b"}\n")


def test_resuming_counts_the_attempts(tmp_path: Path) -> None:
    for attempt in (1, 2, 3):
        w = LogWriter(tmp_path, {"config": {"text": 'a "header" in a string'}})
        w.user(0, {"header": 1}, time=0)
        assert w.attempt == attempt
        w.close()
    assert [x["attempt"] for x in lines(tmp_path) if x["type"] == "header"] == [1, 2, 3]


def test_attempts_of_odd_headers(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"type":"header"}\n["header"]\n"header"\n{"header":\n')
    w = LogWriter(tmp_path, {})
    w.close()
    assert w.attempt == 2


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_tail_is_cut_off_and_reported(tmp_path: Path, cut: int) -> None:
    w = LogWriter(tmp_path, {})
    w.step(0, {"Loss": Scalar(0.5)}, time=0)
    w.step(1, {"Loss": Scalar(0.25)}, time=0)
    w.close()
    log = tmp_path / "log.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-cut])
    LogWriter(tmp_path, {}).close()
    kept = lines(tmp_path)
    assert [x["type"] for x in kept] == ["header", "step", "header", "event"]
    last_line = len(whole.splitlines(keepends=True)[-1])
    assert kept[-1]["kind"] == "repair"
    assert f" {last_line - cut} bytes" in kept[-1]["message"]
    assert kept[-2]["attempt"] == 2


def test_a_log_that_ends_well_is_left_as_it_is(tmp_path: Path) -> None:
    LogWriter(tmp_path, {}).close()
    before = (tmp_path / "log.jsonl").read_bytes()
    LogWriter(tmp_path, {}).close()
    after = (tmp_path / "log.jsonl").read_bytes()
    assert after.startswith(before)
    assert [x["type"] for x in lines(tmp_path)] == ["header", "header"]


@pytest.mark.parametrize("torn", [b"{", b'{"type":"header","schema":1,"ru'])
def test_a_torn_first_header_starts_the_run_anew(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(torn)
    w = LogWriter(tmp_path, {})
    w.close()
    assert w.attempt == 1
    assert [x["type"] for x in lines(tmp_path)] == ["header", "event"]


@pytest.mark.parametrize("content", [b"my diary", b"a,b\n1,2\n", b"\0" * 100, b'{"type":"step"}\n'])
def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(content)
    with pytest.raises(ValueError, match="not a log of Cockpit"):
        LogWriter(tmp_path, {})
    assert log.read_bytes() == content


def test_wrong_values_write_nothing(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    with pytest.raises(TypeError, match="float"):
        w.step(0, {"Loss": Scalar(1.0), "Mine": 0.5}, time=0)  # type: ignore[dict-item]
    assert len(lines(tmp_path)) == 1
    w.close()


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    w.close()
    w.close()
    with pytest.raises(ValueError, match="closed"):
        w.user(0, {}, time=0)


def test_records_too_large_for_readers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_LINE", 1000)
    w = LogWriter(tmp_path, {})
    with pytest.raises(ValueError, match="MiB"):
        w.user(0, {"text": "x" * 1000}, time=0)
    w.user(0, {"text": "x"}, time=0)
    w.close()
    assert [x["type"] for x in lines(tmp_path)] == ["header", "user"]


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    w = LogWriter(tmp_path, {})
    real = os.write

    def takes_ten_bytes_then_fails(fd: int, data: bytes) -> int:
        if len(data) < 40:
            raise OSError(28, "No space left on device")
        return real(fd, data[:10])

    monkeypatch.setattr(os, "write", takes_ten_bytes_then_fails)
    with pytest.raises(OSError, match="No space"):
        w.step(0, {"Loss": Scalar(0.5)}, time=0)
    monkeypatch.undo()
    w.step(1, {"Loss": Scalar(0.5)}, time=0)
    w.close()
    assert [x.get("step") for x in lines(tmp_path)] == [None, 1]


def test_a_short_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    LogWriter(tmp_path, {}).close()
    assert lines(tmp_path)[0]["type"] == "header"


def test_a_second_writer_is_refused_in_this_process(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    with pytest.raises(BlockingIOError, match="another Cockpit"):
        LogWriter(tmp_path, {})
    w.step(0, {}, time=0)
    w.close()
    LogWriter(tmp_path, {}).close()
    assert [x["type"] for x in lines(tmp_path)] == ["header", "step", "header"]


def test_a_second_writer_is_refused_in_another_process(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})
    code = "import sys; from cockpit.log import LogWriter; LogWriter(sys.argv[1], {})"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "BlockingIOError" in done.stderr
    w.close()


def test_without_locks_an_event_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(fd: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("cockpit.log.lock._acquire", no_locks)
    w = LogWriter(tmp_path, {})
    w.close()
    assert not w.locked
    assert lines(tmp_path)[-1]["kind"] == "unlocked"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_neither_writes_nor_holds_the_lock(tmp_path: Path) -> None:
    code = """
import os, sys
from cockpit.log import LogWriter
w = LogWriter(sys.argv[1], {})
ready, go = os.pipe(), os.pipe()
if os.fork() == 0:
    try:
        w.user(0, {}, time=0)
    except ValueError:
        os.write(ready[1], b"refused")
    os.read(go[0], 1)
    os._exit(0)
print(os.read(ready[0], 10))
w.close()
LogWriter(sys.argv[1], {}).close()
os.write(go[1], b"x")
os.wait()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "refused" in done.stdout
    assert [x["attempt"] for x in lines(tmp_path)] == [1, 2]


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    w = LogWriter(tmp_path, {})

    def write(first: int) -> None:
        for step in range(first, first + 50):
            w.step(step, {"Loss": Scalar(step)}, time=0)

    threads = [threading.Thread(target=write, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    w.close()
    log = RunLog(tmp_path)
    assert len(log.series("Loss")) == 200
    assert log.skipped_lines == 0
