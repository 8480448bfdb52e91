"""Check 9: damaged logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import ECONOMY, LiveRun, Open, Serve, fact, wait_fact
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


def test_check_09_bad_lines_are_skipped_and_counted(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    path = write_run(tmp_path / "a", steps=30, quantities=ECONOMY)
    log = path / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[10] = b'{"type":"step","step":9,"values":{"Loss"\n'
    lines.insert(15, b"\xff\x00 no json\n")
    log.write_bytes(b"".join(lines))
    page = open_page(serve(tmp_path))
    wait_fact(page, "skipped", "2")
    assert fact(page, "step") == "29"


def test_check_09_a_torn_last_line_is_waited_for(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    last = live_run.write()
    log = live_run.writer.path
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    page = open_page(serve(tmp_path))
    wait_fact(page, "step", str(last - 1))
    assert page.locator("#fact-skipped").is_hidden()
    with log.open("ab") as file:
        file.write(whole[-40:])
    wait_fact(page, "step", str(last))


def test_check_09_a_truncated_log_is_read_anew(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    live_run.write(20)
    page = open_page(serve(tmp_path))
    wait_fact(page, "step", "24")
    log = live_run.writer.path
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:8]))
    wait_fact(page, "step", "6")
