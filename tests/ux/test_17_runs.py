"""Check 17: several runs, and one in several attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import LiveRun, Open, Serve, trace_data, wait_drawn, wait_fact

pytestmark = pytest.mark.browser


def test_check_17_a_resumed_run_shows_no_zig_zag(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    page = open_page(serve(tmp_path))
    live_run.write(35)
    wait_drawn(page, 39)
    live_run.writer.close()  # as the system does for a killed process: no end record
    with live_run.writer.path.open("ab") as log:
        log.write(b'{"type":"step","step":40,"val')  # and a torn line
    again = LiveRun(tmp_path / "live")
    again.next = 20
    again.write(5)
    wait_fact(page, "attempt", "2")
    wait_fact(page, "step", "24")
    page.wait_for_function(
        """() => Math.max(...cockpit.cards.get("loss").plot._fullData.flatMap(
            t => Array.from((t.x || [])._inputArray || t.x || []))) === 24"""
    )
    for trace in trace_data(page, "loss"):
        assert trace["x"] == sorted(trace["x"]), "zig-zag"
    again.writer.close()
