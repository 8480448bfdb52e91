"""Files that the page offers: what is in them, and what is refused."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest

from cockpit.dashboard import downloads
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Layer, PerLayer, Scalar
from tests.dashboard.conftest import ECONOMY, Serve
from tests.synthetic import make_header, write_run

ROUTES = tuple(downloads.FILES)


def get(url: str, name: str, **query: object) -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers; ``view`` is sent as JSON."""
    if "view" in query and not isinstance(query["view"], str):
        query["view"] = json.dumps(query["view"])
    try:
        with urllib.request.urlopen(f"{url}{name}?{urlencode(query)}", timeout=60) as reply:
            return reply.status, reply.read(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def table(content: bytes, separator: str = ",") -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), sep=separator)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_run(tmp_path / "full", steps=90, layers=4)


def test_csv_of_a_panel_has_every_step_whatever_is_zoomed_to(full: Path, serve: Serve) -> None:
    view = {"window": [10, 20], "xscale": "log", "smoothing": 0, "focus": "loss"}
    status, content, headers = get(
        serve(full.parent), "panel.csv", run="full", instrument="loss", view=view
    )
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="full-loss.csv"'
    assert headers["Content-Type"].startswith("text/csv")
    read = table(content)
    assert read["step"].tolist() == list(range(90))
    loss = RunLog(full).series("Loss").value
    assert read["loss: mini-batch"].to_numpy() == pytest.approx(loss, rel=1e-8)


def test_csv_follows_the_layers_that_are_picked(full: Path, serve: Serve) -> None:
    view = {"layers": ["3.weight"], "smoothing": 0}
    _, content, _ = get(
        serve(full.parent), "panel.csv", run="full", instrument="grad_norm", view=view
    )
    assert list(table(content).columns) == ["step", "‖ḡ‖: 3.weight"]


def test_record_as_csv_and_as_text_for_the_clipboard(full: Path, serve: Serve) -> None:
    url = serve(full.parent)
    _, content, headers = get(url, "record.csv", run="full", view={"step": 40})
    assert 'filename="full-step-40-record.csv"' in headers["Content-Disposition"]
    everything = table(content)
    loss = everything[everything["quantity"] == "Loss"]
    assert loss["value"].tolist() == [pytest.approx(RunLog(full).series("Loss").value[40])]
    assert set(everything["layer"].dropna()) >= {"network", "0.weight", "3.bias"}
    _, content, _ = get(url, "record.tsv", run="full", search="gradnorm weight")
    assert table(content, "\t")["layer"].tolist() == ["0.weight", "3.weight"]
    _, content, _ = get(url, "record.tsv", run="full", instrument="loss")
    assert set(table(content, "\t")["quantity"]) == {"Loss", "valid_loss"}


def test_names_that_a_spreadsheet_would_compute(tmp_path: Path, serve: Serve) -> None:
    evil = '=HYPERLINK("http://evil","x")'
    layers = (Layer(evil, (2,), "", "Linear"),)
    writer = LogWriter(tmp_path / "a", make_header(layers, ("Loss", "GradNorm")))
    for step in range(3):
        values = {"Loss": Scalar(1.0), "GradNorm": PerLayer(1.0, (0.5,)), "@own": Scalar(2.0)}
        writer.step(step, values, time=0.1 * step, batch_size=4, lr=[0.1])
    writer.close()
    url = serve(tmp_path)
    for name, query in (
        ("panel.csv", {"instrument": "grad_norm", "view": {"layers": [evil]}}),
        ("record.csv", {}),
        ("record.tsv", {}),
    ):
        status, content, _ = get(url, name, run="a", **query)
        assert status == 200
        text = content.decode()
        assert evil.replace('"', '""') in text  # it is there, quoted
        cells = [cell for line in text.splitlines() for cell in line.replace("\t", ",").split(",")]
        assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "@"))]


def test_pdf_is_made_while_the_page_goes_on(full: Path, serve: Serve) -> None:
    url = serve(full.parent)
    got: list[tuple[int, bytes, dict[str, str]]] = []
    view = {"step": 50, "x": "time", "xscale": "log", "layers": ["0.weight"], "smoothing": 0.3}
    drawing = threading.Thread(
        target=lambda: got.append(get(url, "cockpit.pdf", run="full", view=view))
    )
    drawing.start()
    polls = 0
    while drawing.is_alive():
        body = json.dumps({"run": "full", "panels": {}}).encode()
        request = urllib.request.Request(f"{url}poll", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 200
        polls += 1
        time.sleep(0.05)
    ((status, content, headers),) = got
    assert status == 200, content
    assert content.startswith(b"%PDF")
    assert headers["Content-Disposition"] == 'attachment; filename="full-step-50.pdf"'
    assert polls > 3


def test_what_the_command_cannot_draw_is_said(
    full: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\ncockpit plot: no ink")
    monkeypatch.setattr(downloads.subprocess, "run", lambda *_, **__: failed)
    status, content, _ = get(serve(full.parent), "cockpit.pdf", run="full")
    assert status == 404
    assert b"no ink" in content


def test_html_of_the_whole_cockpit(full: Path, serve: Serve) -> None:
    status, content, headers = get(serve(full.parent), "cockpit.html", run="full")
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="full.html"'
    assert content.startswith(b"<!doctype html>")
    assert len(content) < 3_000_000


RUNS = [
    "",
    ".",
    "..",
    "../secret",
    "/etc/passwd",
    "full/../../secret",
    "full/log.jsonl",
    "x" * 2000,
]
WISHES = [
    {"instrument": "../../etc/passwd"},
    {"instrument": "<script>"},
    {"view": "not json"},
    {"view": "[1]"},
    {"view": "[" * 17_000},
    {"view": "[" * 9_000},
    {"search": "x" * 2000},
]


@pytest.mark.parametrize("route", ROUTES)
def test_only_runs_of_the_folder(tmp_path: Path, serve: Serve, route: str) -> None:
    write_run(tmp_path / "secret", steps=3, quantities=("Loss",))
    write_run(tmp_path / "runs" / "full", steps=3, quantities=("Loss",))
    url = serve(tmp_path / "runs")
    for run in RUNS:
        status, content, _ = get(url, route, run=run, instrument="loss")
        assert status in (400, 404), run
        assert b"secret" not in content.replace(run.encode(), b"")


@pytest.mark.parametrize("route", ROUTES)
def test_malformed_wishes_are_refused(tmp_path: Path, serve: Serve, route: str) -> None:
    write_run(tmp_path / "full", steps=3, quantities=("Loss",))
    url = serve(tmp_path)
    for wish in WISHES:
        status, content, headers = get(url, route, **{"run": "full", **wish})
        assert status in (400, 404), wish
        assert headers["Content-Type"].startswith("text/plain")
        assert len(content) < 300


def test_an_instrument_without_records_is_refused(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "a", steps=3, quantities=("Loss",))
    url = serve(tmp_path)
    assert get(url, "panel.csv", run="a", instrument="alpha")[0] == 404
    assert get(url, "panel.csv", run="a")[0] == 400


def test_files_are_behind_the_token(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "a", steps=3, quantities=("Loss",))
    bare = serve(tmp_path, prefix="proxy").partition("?")[0]
    for route in ROUTES:
        assert get(bare, route, run="a", instrument="loss")[0] == 401


@pytest.mark.parametrize("name", ['q"uote; x=y', "naïve ü", "a b\r\nX-Evil: 1", ".."])
def test_file_names_are_harmless(tmp_path: Path, serve: Serve, name: str) -> None:
    folder = tmp_path / "runs" / (name if name != ".." else "...")
    write_run(folder, steps=3, quantities=ECONOMY)
    _, _, headers = get(serve(tmp_path / "runs"), "record.csv", run=folder.name, instrument="loss")
    given = headers["Content-Disposition"].removeprefix("attachment; filename=").strip('"')
    assert given.endswith("-record.csv")
    assert set(given) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert not given.startswith(".")
    assert "X-Evil" not in headers
