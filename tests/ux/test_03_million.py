"""Check 3: a million steps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.dashboard.conftest import Open, Serve, last_loss, settled
from tests.ux.conftest import STRICT, Note
from tests.ux.long_log import NAMES, heap_mb, wait_read, write_long_log

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = 1_000_000 if STRICT else 100_000


def test_check_03_a_million_steps_are_soon_painted(
    tmp_path: Path, serve: Serve, open_page: Open, figure: Note
) -> None:
    write_long_log(tmp_path / "long", STEPS, names=NAMES)
    url = serve(tmp_path)
    started = time.perf_counter()
    page = open_page(url)
    settled(page)
    figure("first paint", time.perf_counter() - started, "s", 5)
    assert last_loss(page) == STEPS - 1
    wait_read(page)
    figure("all read", time.perf_counter() - started, "s")
    settled(page)
    figure("browser heap", heap_mb(page), "MB", 150, timed=False)
