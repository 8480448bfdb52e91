"""Check 1: from the log to the screen."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from tests.dashboard.conftest import LiveRun, Open, Serve, wait_drawn
from tests.ux.conftest import STRICT, Note

pytestmark = pytest.mark.browser
SAMPLES = 25 if STRICT else 5


@pytest.mark.parametrize(
    ("refresh", "median", "worst"), [("normal", 0.7, 1.5), ("fast", 0.3, None)]
)
def test_check_01_an_appended_line_is_soon_on_the_screen(
    tmp_path: Path,
    serve: Serve,
    open_page: Open,
    live_run: LiveRun,
    figure: Note,
    refresh: str,
    median: float,
    worst: float | None,
) -> None:
    page = open_page(f"{serve(tmp_path)}?refresh={refresh}")
    wait_drawn(page, 4)
    page.wait_for_timeout(1500)
    delays = []
    for i in range(SAMPLES):
        page.wait_for_timeout(500 + 97 * (i % 7))  # at any phase of the page's own rhythm
        started = time.perf_counter()
        wait_drawn(page, live_run.write(), timeout_ms=20_000)
        delays.append(time.perf_counter() - started)
    figure(f"{refresh} refresh, median", statistics.median(delays), "s", median)
    figure(f"{refresh} refresh, worst", max(delays), "s", worst)
