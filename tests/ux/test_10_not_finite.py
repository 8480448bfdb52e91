"""Check 10: NaN and Inf."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import ECONOMY, Open, Serve, trace_data
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


def test_check_10_not_a_number_is_marked_and_warned_of(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "a", steps=80, diverge_at=40, quantities=ECONOMY)
    page = open_page(serve(tmp_path))
    warning = page.locator(".alert[data-level=warning]").first
    expect(warning).to_contain_text("▲ warning", ignore_case=True)
    expect(warning).to_contain_text("48")
    assert page.title().startswith("▲")
    for panel in ("loss", "grad_norm"):
        crosses = [t for t in trace_data(page, panel) if 48 in t["x"] and len(t["x"]) < 5]
        assert crosses, f"{panel}: no mark at the first step that is not finite"
