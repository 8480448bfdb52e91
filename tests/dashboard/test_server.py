"""Listening, starting in the background, and who is answered."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cockpit.dashboard import PortInUseError, start_background
from cockpit.dashboard.command import main
from cockpit.dashboard.server import is_loopback, listen, make
from tests.dashboard.asking import get, poll
from tests.dashboard.conftest import ECONOMY, Serve
from tests.synthetic import write_run


def test_taken_port_is_named_with_a_way_out() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"{port}.*--port {port + 1}"):
            listen("127.0.0.1", port)


def test_command_says_why_it_cannot_serve(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main([str(tmp_path), "--port", port]) == 1
    assert "choose another port" in capsys.readouterr().err
    assert main([str(tmp_path / "none")]) == 1
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("me", False)],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_an_idle_run_costs_less_than_a_kilobyte(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "a", steps=60, quantities=ECONOMY)
    url = serve(tmp_path)
    first = json.loads(poll(url, {"run": "a"})[1])
    known = {
        "run": "a",
        "stamp": first["stamp"],
        "runs": first["runs_stamp"],
        "offers": first["offers_stamp"],
        "panels": {n: [first["stamp"], p["digest"]] for n, p in first["panels"].items()},
    }
    status, text = poll(url, known)
    assert status == 200
    assert set(json.loads(text)) == {"now", "name", "stamp"}
    assert len(text) < 1000


def test_a_panel_that_did_not_change_is_not_sent_again(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "a", steps=60, quantities=ECONOMY)
    url = serve(tmp_path)
    first = json.loads(poll(url, {"run": "a"})[1])
    digests = {name: ["", panel["digest"]] for name, panel in first["panels"].items()}
    again = json.loads(poll(url, {"run": "a", "panels": digests})[1])
    assert all("panel" not in panel for panel in again["panels"].values())
    assert set(again["panels"]) == set(first["panels"])


def test_background_page_is_found_again_and_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys; from cockpit.dashboard import start_background\n"
        "url = start_background(sys.argv[1], 0); port = int(url.split(':')[2].strip('/'))\n"
        "assert start_background(sys.argv[1], port) == url\n"
        "print(url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "runs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert json.loads(get(f"{url}identity")[1])["app"] == "cockpit"
        parent.kill()  # no chance to clean up
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            get(f"{url}identity")
        except OSError:  # refused, or cut off in the middle
            return
        time.sleep(0.2)
    pytest.fail("the page outlived its parent")


def test_background_page_goes_around_a_taken_port(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        url = start_background(tmp_path, port)
    assert f":{port}/" not in url
    assert get(f"{url}identity")[0] == 200


def test_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, cockpit.dashboard.app as app\n"
        f"app.create_app({str(tmp_path)!r})\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_closed_server_frees_its_port(tmp_path: Path) -> None:
    server, url = make(tmp_path, port=0)
    port = int(url.rstrip("/").rpartition(":")[2])
    server.server_close()
    with socket.create_server(("127.0.0.1", port)) as again:
        assert again.getsockname()[1] == port
