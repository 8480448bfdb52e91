"""Check 11: two pages on one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import LiveRun, Open, Serve, wait_drawn, wait_fact

pytestmark = pytest.mark.browser


def test_check_11_two_pages_show_the_same(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    url = serve(tmp_path)
    pages = [open_page(url), open_page(url)]
    for _ in range(3):
        last = live_run.write(4)
        for page in pages:
            wait_fact(page, "step", str(last))
            wait_drawn(page, last)
