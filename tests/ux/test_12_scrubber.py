"""Check 12: one scrubber for all distributions."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import LiveRun, Open, Serve, query, settled, wait_fact
from tests.synthetic import write_run

pytestmark = pytest.mark.browser
DISTRIBUTIONS = ("alpha", "gradient_tests", "grad_hist1d", "grad_hist2d")


def drawn(page: Page, name: str) -> str:
    """All numbers that a panel draws, and its words."""
    return page.evaluate(
        """name => {
            const {plot, current} = cockpit.cards.get(name);
            const {shapes} = plot._fullLayout;
            return current.textContent + JSON.stringify([
                plot._fullData.map(t => [t.y, t.z].map(v => v && Array.from(v._inputArray || v))),
                shapes.map(s => [s.x0, s.x1, s.y0, s.y1])]);
        }""",
        name,
    )


def test_check_12_the_scrubber_moves_the_distributions_and_live_returns(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "full", steps=120, layers=8)
    page = open_page(serve(tmp_path))
    settled(page)
    latest = {name: drawn(page, name) for name in DISTRIBUTIONS}
    page.locator("#scrubber").get_by_role("slider").focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#scrubbed")).to_have_text("step 59")
    expect(page.locator("[data-name=grad_hist1d] .current")).to_contain_text("59")
    expect(page.locator("[data-name=grad_hist2d] .current")).to_contain_text("50")
    settled(page)
    for name in DISTRIBUTIONS:
        assert drawn(page, name) != latest[name], name
    assert query(page)["step"] == ["59"]
    page.get_by_role("button", name="Live", exact=True).click()
    settled(page)
    for name in DISTRIBUTIONS:
        assert drawn(page, name) == latest[name], name
    assert "step" not in query(page)


def test_check_12_the_scrubber_stays_while_the_run_goes_on(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    live_run.write(20)
    page = open_page(f"{serve(tmp_path)}?step=7")
    expect(page.locator("#scrubbed")).to_have_text("step 7")
    last = live_run.write(10)
    wait_fact(page, "step", str(last))
    expect(page.locator("#scrubbed")).to_have_text("step 7")
    expect(page.locator("[data-name=grad_hist1d] .current")).to_contain_text("7")
