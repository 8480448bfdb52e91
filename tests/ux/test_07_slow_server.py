"""Check 7: a server that takes 1.5 s for each answer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.dashboard.answer import answer
from tests.dashboard.conftest import LiveRun, Open, Serve, wait_fact
from tests.ux.conftest import Note

pytestmark = pytest.mark.browser


def test_check_07_a_slow_server_is_asked_one_thing_at_a_time(
    tmp_path: Path,
    serve: Serve,
    open_page: Open,
    live_run: LiveRun,
    monkeypatch: pytest.MonkeyPatch,
    figure: Note,
) -> None:
    at_once, most = 0, 0

    def slow(*arguments: Any) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(1.5)
        at_once -= 1
        return answer(*arguments)

    monkeypatch.setattr("cockpit.dashboard.app.answer", slow)
    page = open_page(serve(tmp_path))
    for _ in range(2):
        last = live_run.write(2)
        wait_fact(page, "step", str(last), timeout_ms=12_000)
    figure("requests in flight", most, "", 1, timed=False)
