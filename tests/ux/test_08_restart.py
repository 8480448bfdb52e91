"""Check 8: the server dies and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cockpit.dashboard.server import listen
from tests.dashboard.conftest import LiveRun, Open, Watched, wait_fact
from tests.ux.conftest import Note

pytestmark = pytest.mark.browser


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cockpit.dashboard", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()  # it says when it is ready
    return server


def kill(server: subprocess.Popen[bytes]) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server.communicate()


def test_check_08_the_page_survives_its_server(
    tmp_path: Path, open_page: Open, watched: Watched, live_run: LiveRun, figure: Note
) -> None:
    watched.allowed = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    server = start(tmp_path, port)
    try:
        page = open_page(f"http://127.0.0.1:{port}/")
        wait_fact(page, "step", "4")
        page.evaluate("() => { window.sameDocument = true; }")
        kill(server)
        lost = time.perf_counter()
        expect(page.locator("#disconnected")).to_contain_text("disconnected", timeout=5000)
        page.locator("#disconnected").wait_for(timeout=5000)
        figure("told after", time.perf_counter() - lost, "s", 5)
        last = live_run.write(3)
        server = start(tmp_path, port)
        back = time.perf_counter()
        wait_fact(page, "step", str(last), timeout_ms=60_000)
        figure("resumed after", time.perf_counter() - back, "s", 10)
        assert page.locator("#disconnected").is_hidden()
        assert page.evaluate("() => window.sameDocument") is True
    finally:
        kill(server)
