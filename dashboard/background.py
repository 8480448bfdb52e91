"""The page beside a training process: ``Cockpit(..., ui=True)``."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from cockpit.dashboard.identity import folder_id
from cockpit.dashboard.server import DEFAULT_HOST, DEFAULT_PORT, PortInUseError, listen

START_TIMEOUT_S = 30.0


def start_background(folder: str | Path, port: int = DEFAULT_PORT) -> str:
    """Serve ``folder`` from a child process and return the page's address.

    A page that already shows this folder on the port is used as it is. Where another program
    has the port, a free one is taken. The child ends with this process.

    Args:
        folder: The folder with runs; made if missing.
        port: The preferred port; 0 takes a free one.

    Raises:
        RuntimeError: If the child does not answer in time; carries what it said.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if port and _shows(port, folder):
        return _address(port)
    port = _free_port(port)
    command = [sys.executable, "-m", "cockpit.dashboard", str(folder.resolve())]
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would fill up
        child = subprocess.Popen(
            [*command, "--port", str(port), "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            # Own session: Ctrl-C in the terminal ends the training, which then ends the page.
            start_new_session=True,
        )
        atexit.register(child.terminate)
        if not _answers(child, port, folder):
            child.terminate()
            said.seek(0)
            reason = said.read().decode(errors="replace").strip() or "no answer"
            raise RuntimeError(
                f"The page for {folder} did not start on port {port}: {reason}. "
                f"Start it yourself: cockpit ui {folder}"
            )
    return _address(port)


def _address(port: int) -> str:
    return f"http://{DEFAULT_HOST}:{port}/"


def _free_port(preferred: int) -> int:
    """The preferred port, or any free one."""
    try:
        sock = listen(DEFAULT_HOST, preferred)
    except PortInUseError:
        sock = listen(DEFAULT_HOST, 0)
    with sock:
        return int(sock.getsockname()[1])


def _shows(port: int, folder: Path) -> bool:
    """Whether a Cockpit page for this very folder answers on the port."""
    try:
        with urllib.request.urlopen(f"{_address(port)}identity", timeout=1.0) as reply:
            return bool(json.load(reply).get("folder") == folder_id(folder))
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


def _answers(child: subprocess.Popen[bytes], port: int, folder: Path) -> bool:
    """Wait for the child's page; False if it ended or took too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and child.poll() is None:
        if _shows(port, folder):
            return True
        time.sleep(0.1)
    return False
