"""Check 16: a hundred layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Open, Serve, query, settled
from tests.synthetic import write_run
from tests.ux.conftest import STRICT, Note

pytestmark = pytest.mark.browser
QUANTITIES = ("Loss", "GradNorm", "Distance", "UpdateSize")
STEPS = 1000 if STRICT else 100


@pytest.fixture
def page(tmp_path: Path, serve: Serve, open_page: Open) -> Page:
    write_run(tmp_path / "deep", steps=STEPS, layers=100, quantities=QUANTITIES)
    page = open_page(f"{serve(tmp_path)}?focus=layers")
    settled(page)
    return page


def test_check_16_the_heat_map_is_soon_painted(page: Page, figure: Note) -> None:
    seconds = page.evaluate(
        """async () => {
            const {plot} = cockpit.cards.get("layers");
            const started = performance.now();
            const painted = new Promise(done => plot.once("plotly_afterplot", done));
            cockpit.set({quantity: "Distance"});
            await painted;
            await new Promise(requestAnimationFrame);
            return (performance.now() - started) / 1000;
        }"""
    )
    assert "Distance" in page.locator("[data-name=layers] .plot").get_attribute("aria-label")
    figure("heat map of another quantity", seconds, "s", 0.5)


def test_check_16_layers_are_found_by_name(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Layers").fill("144.")
    options = page.locator("[role=option]:visible")
    expect(options).to_have_count(2)
    expect(options).to_have_text(["144.weight", "144.bias"])


def test_check_16_the_filter_narrows_list_and_picture(page: Page) -> None:
    rows = "() => (cockpit.cards.get('layers').rows[0]?.rows ?? []).join()"
    field = page.get_by_role("searchbox", name="Filter layers")
    field.fill("144. WEIGHT")
    assert page.locator(".pick:visible .name").all_inner_texts() == ["144.weight"]
    page.wait_for_function(f"() => ({rows})() === '144.weight'")
    assert query(page)["search"] == ["144. WEIGHT"]
    expect(page.locator("[data-name=layers] .count")).to_have_text("1 of 100 parameters")
    expect(page.locator("[data-name=layers] .note")).to_have_text("1 of 100 parameters")
    field.fill("nowhere")
    page.wait_for_function(f"() => ({rows})() === ''")
    expect(page.locator("[data-name=layers] .plot")).to_contain_text("No layer matches “nowhere”.")
    field.fill("")
    page.wait_for_function(f"() => ({rows})().split(',').length === 100")
    assert "search" not in query(page)
