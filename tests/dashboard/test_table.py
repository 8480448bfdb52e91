"""What the table of runs tells, from the first and the last lines of a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.dashboard.peek import Glance, glance
from cockpit.dashboard.runs import RunIndex
from cockpit.dashboard.settings import LONGEST, MOST_SETTINGS, settings
from cockpit.dashboard.table import MOST_COLUMNS, Row, differences, table
from cockpit.log import LogWriter, RunLog
from tests.synthetic import make_header, make_layers, make_values, write_run


def write_header(folder: Path, **fields: object) -> Path:
    folder.mkdir(parents=True)
    log = folder / "log.jsonl"
    log.write_text(json.dumps({"type": "header", **fields}) + "\n")
    return log


def test_settings_have_short_names(tmp_path: Path) -> None:
    groups = [{"lr": 0.05, "betas": [0.9, 0.999], "nesterov": False}, {"lr": 1e-9}]
    log = write_header(
        tmp_path / "a",
        optimizer={"name": "Adam", "groups": groups},
        config={"name": "full", "budget": None},
        environment={"num_params": 1234},
        reduction="mean",
    )
    assert settings(log) == {
        "optimizer": "Adam",
        "lr": "0.05",
        "betas": "0.9, 0.999",
        "nesterov": "no",
        "groups.1.lr": "1e-09",
        "configuration": "full",
        "num params": "1234",
        "reduction": "mean",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]\n",
        b'{"type": "step"}\n',
        b"\xff\n",
        b"[" * 9999 + b"\n",
        b'{"type": "header"',
    ],
)
def test_settings_of_garbage(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(content)
    assert settings(log) == {}


def test_settings_are_bounded(tmp_path: Path) -> None:
    deep: object = 1
    for _ in range(50):
        deep = {"x": deep}
    many = {f"k{i}": "v" * 1000 for i in range(1000)}
    found = settings(write_header(tmp_path / "a", config=many, optimizer={"deep": deep}))
    assert len(found) == MOST_SETTINGS
    assert max(map(len, found.values())) == LONGEST


def row(name: str, **values: str) -> Row:
    return Row(name, "finished", Glance("finished", 1, 0.0), values)


def test_only_settings_that_differ_are_columns() -> None:
    rows = [row("a", lr="1", momentum="0"), row("b", lr="2", momentum="0"), row("new")]
    made = table(rows)
    assert made["columns"] == ["lr"]
    assert [one["settings"] for one in made["rows"]] == [["1"], ["2"], [""]]
    assert differences([{"lr": "1"}, {"lr": "1", "nesterov": "no"}]) == ["nesterov"]
    assert differences([]) == []


def test_columns_are_few() -> None:
    made = table([row("a", **{f"k{i}": "0" for i in range(40)}), row("b", k0="1")])
    assert len(made["columns"]) == MOST_COLUMNS
    assert made["more"] == 40 - MOST_COLUMNS


def test_glance_tells_the_last_step(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", steps=30)
    seen, log = glance(path / "log.jsonl"), RunLog(path)
    losses = log.series("Loss")
    assert seen.step == 29
    assert seen.loss == losses.value[-1]
    assert seen.duration == pytest.approx(log.duration, abs=0.2)
    assert seen.overhead == pytest.approx(0.75)
    assert seen.batch_size == 128


def test_a_loss_that_is_not_finite_is_told_as_it_is(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", steps=40, diverge_at=5, quantities=("Loss",))
    assert glance(path / "log.jsonl").loss == "NaN"


@pytest.mark.parametrize("value", [True, None, "x", [1], {"value": 1}, 10**400])
def test_what_is_no_number_is_not_told(tmp_path: Path, value: object) -> None:
    log = tmp_path / "log.jsonl"
    step = {"type": "step", "step": 1, "time": value, "batch_size": value, "overhead": value}
    step["values"] = {"Loss": {"value": value}}
    log.write_text(json.dumps(step) + "\n")
    seen = glance(log)
    assert (seen.duration, seen.overhead, seen.loss) == (None, None, None)


def test_table_of_a_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "sgd", steps=5, quantities=("Loss",))
    layers = make_layers(4)
    header = make_header(layers, ("Loss",))
    header["optimizer"]["groups"][0]["lr"] = 0.5
    writer = LogWriter(tmp_path / "fast", header)
    writer.step(0, make_values(0, layers, ("Loss",)), time=1.0, batch_size=32, lr=[0.5])
    found = RunIndex(tmp_path).table()
    writer.close()
    assert found["columns"] == ["lr", "batch size"]
    rows = {one["name"]: one for one in found["rows"]}
    assert rows["sgd"]["settings"] == ["0.05", "128"]
    assert rows["fast"]["settings"] == ["0.5", "32"]
    assert (rows["sgd"]["status"], rows["fast"]["status"]) == ("finished", "running")
    assert json.dumps(found, allow_nan=False)


def test_a_header_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "a", steps=2)
    read: list[Path] = []
    monkeypatch.setattr("cockpit.dashboard.runs.settings", lambda p: read.append(p) or {})
    index = RunIndex(tmp_path)
    assert index.table() == index.table()
    assert len(read) == 1
