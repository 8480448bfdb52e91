"""docs/log.md: its examples work as printed, its objects are what the code reads and writes."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cockpit.log import RunLog
from cockpit.log.codec import decode_value, encode_value
from tests.synthetic import write_run

TEXT = Path(__file__).parents[2].joinpath("docs", "log.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


OBJECTS = [json.loads(block) for block in blocks("json")]
VALUES = [x for x in OBJECTS if "kind" in x and "type" not in x]
RECORDS = [x for x in OBJECTS if "type" in x]
(LAMP,) = [{k: v for k, v in x.items() if k != "type"} for x in RECORDS if x["type"] == "lamp"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunLog:
    """The run that the examples read, one that diverged."""
    monkeypatch.chdir(tmp_path)
    return RunLog(write_run("runs/first", steps=120, layers=3, diverge_at=100))


def execute(marker: str) -> tuple[dict[str, Any], str]:
    (code,) = [block for block in blocks("python") if marker in block]
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return names, printed.getvalue()


def test_every_kind_and_type_is_documented() -> None:
    kinds = {"scalar", "per_layer", "histogram1d", "histogram2d", "arrays", "facts"}
    assert {x["kind"] for x in VALUES} == kinds
    assert [x["type"] for x in RECORDS] == ["header", "step", "user", "event", "lamp", "end"]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: v["kind"])
def test_the_values_are_what_the_code_writes(value: dict[str, Any]) -> None:
    assert encode_value(decode_value(value)) == value


def test_the_records_are_what_the_code_reads(tmp_path: Path) -> None:
    lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in RECORDS]
    (tmp_path / "log.jsonl").write_text("".join(lines))
    log = RunLog(tmp_path)
    assert (log.name, log.status, log.last_step, log.skipped_lines) == ("first", "finished", 7, 0)
    assert log.layers[0].shape == (64, 1, 5, 5)
    assert log.series("Loss").value.tolist() == [2.30258509]
    assert log.overhead.value.tolist() == pytest.approx([0.75])
    assert log.user_names == ("epoch", "valid_loss")
    assert log.events[0]["quantity"] == "NormTest"
    (lamp,) = log.lamps
    assert lamp == {**LAMP, "attempt": 1}


def test_the_runlog_example(run: RunLog) -> None:
    names, printed = execute("RunLog(")
    assert printed.startswith("finished 119 nan (120, 3) ")
    assert names["step"] == 100


def test_the_pandas_example(run: RunLog) -> None:
    pytest.importorskip("pandas")
    names, printed = execute("import pandas")
    loss = run.series("Loss").value  # pandas rounds the last bit
    np.testing.assert_allclose(names["loss"].to_numpy(), loss, rtol=1e-15)
    assert names["loss"].index.tolist() == run.series("Loss").step.tolist()
    assert "Loss.value" in printed


def test_the_duckdb_example(run: RunLog) -> None:
    duckdb = pytest.importorskip("duckdb")
    with run.path.open("ab") as file:
        file.write(b'{"type":"step","step":7,"val')  # a torn tail
    names, printed = execute("import duckdb")
    rows = duckdb.sql(names["query"]).fetchall()
    loss, first = run.series("Loss"), run.layer_series("GradNorm")[1][:, 0]
    table = np.array(rows, dtype=np.float64)
    np.testing.assert_array_equal(table, np.stack([loss.step, loss.value, first], axis=1))
    assert printed.startswith("(119, nan, ")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_jq_examples(run: RunLog) -> None:
    with run.path.open("ab") as file:
        file.write(b'{"type":"step","step":7,"val')
    table, events = (
        subprocess.run(["sh", "-ec", code], capture_output=True, text=True, check=True).stdout
        for code in blocks("sh")
    )
    rows = [line.split(",") for line in table.splitlines()]
    assert [int(step) for step, _ in rows] == run.series("Loss").step.tolist()
    values = [float(loss.strip('"')) for _, loss in rows]
    np.testing.assert_array_equal(values, run.series("Loss").value)
    assert events == "108 warning: The loss is not finite.\n"
