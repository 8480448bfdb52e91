"""Check 4: a log that does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.conftest import Open, Serve
from tests.synthetic import write_run
from tests.ux.conftest import Note

pytestmark = pytest.mark.browser


def test_check_04_idle_means_no_drawing_and_small_answers(
    tmp_path: Path, serve: Serve, open_page: Open, figure: Note
) -> None:
    write_run(tmp_path / "a", steps=40)
    page = open_page(serve(tmp_path))
    page.wait_for_timeout(2500)
    before = page.evaluate("() => ({...cockpit.stats})")
    page.wait_for_timeout(3000)
    after = page.evaluate("() => ({...cockpit.stats})")
    assert after["polls"] >= before["polls"] + 2
    figure("redraws", after["drawn"] - before["drawn"], "", 0, timed=False)
    figure("answer", after["bytes"], "bytes", 999, timed=False)
