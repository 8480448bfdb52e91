"""Check 14: smoothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Open, Serve, query, settled, trace_data
from tests.synthetic import write_run
from tests.ux.long_log import write_long_log

pytestmark = pytest.mark.browser


def roughness(page: Page) -> list[float]:
    """How much each line of the gradient norm goes up and down, the smoothest first."""
    lines = [np.array(t["y"], float) for t in trace_data(page, "grad_norm")]
    return sorted(float(np.abs(np.diff(y[np.isfinite(y)])).sum()) for y in lines if y.size > 100)


def test_check_14_smoothed_over_the_raw_data(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_run(tmp_path / "full", steps=120, layers=2)
    page = open_page(f"{serve(tmp_path)}?smoothing=0")
    settled(page)
    (raw,) = roughness(page)
    page.locator("#smoothing").get_by_role("slider").focus()
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#smoothing-text")).to_have_text("50 %")
    assert query(page)["smoothing"] == ["0.5"]
    settled(page)
    smooth, still_raw = roughness(page)
    assert still_raw == pytest.approx(raw)
    assert smooth < 0.7 * raw
    page.locator("#smoothing-auto").click()
    expect(page.locator("#smoothing-text")).to_have_text("auto")


@pytest.mark.parametrize("steps", [120, 5_000])
def test_check_14_hover_tells_both(
    tmp_path: Path, serve: Serve, open_page: Open, steps: int
) -> None:
    write_long_log(tmp_path / "long", steps, names=("GradNorm",))
    page = open_page(f"{serve(tmp_path)}?smoothing=0.5&focus=grad_norm")
    settled(page)
    page.locator("[data-name=grad_norm] .nsewdrag").first.hover()
    hover = page.locator("[data-name=grad_norm] .hoverlayer .legend .legendtext")
    expect(hover).to_have_count(2)
    texts = hover.all_text_contents()
    assert sum("measured" in text for text in texts) == 1, texts
