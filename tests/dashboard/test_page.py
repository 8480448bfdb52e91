"""What is on the page, and what its controls do."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cockpit.instruments import View, panels
from cockpit.log import RunLog
from tests.dashboard.conftest import (
    Open,
    Serve,
    fact,
    query,
    settled,
    shown_cards,
    trace_data,
    wait_fact,
)
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_run(tmp_path / "full", steps=120, layers=8)


def current(page: Page, instrument: str) -> str:
    return page.locator(f"[data-name={instrument}] .current").inner_text()


def test_every_instrument_of_a_full_run_is_drawn(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    page.locator(".group:last-child").scroll_into_view_if_needed()
    settled(page)
    expected = panels(RunLog(full), View())
    assert len(expected) >= 16
    assert sorted(shown_cards(page)) == sorted(one.name for one, _ in expected)
    for one, panel in expected:
        card = page.locator(f"[data-name='{one.name}']")
        expect(card.locator("h3")).to_have_text(one.title)
        expect(card.locator(".current")).to_have_text(panel.current)
        expect(card.locator(".note")).to_have_text(panel.note)
        assert card.locator(".main-svg").count() > 0
        assert trace_data(page, one.name), one.name
    assert page.locator(".card", has_text="could not be drawn").count() == 0


def test_facts_in_the_head(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    wait_fact(page, "status", "finished")
    assert fact(page, "step") == "119"
    assert fact(page, "epoch") == "2"
    assert fact(page, "overhead") == "75 %"
    assert page.locator("#quiet").inner_text() == "No alerts"
    assert page.locator("#fact-skipped").is_hidden()
    assert page.title() == "full · 119"


def test_help_of_an_instrument(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    page.get_by_role("button", name="What Gradient norm means").click()
    popover = page.locator(".popover:popover-open")
    for word in ("Shows", "Good", "Trouble", "What to do", "Source"):
        expect(popover.get_by_text(word, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(popover).to_have_count(0)


def test_full_screen_and_back(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    card = page.locator("[data-name=grad_norm]")
    card.get_by_role("button", name="Full screen").click()
    page.wait_for_function("() => cockpit.cards.get('grad_norm').plot.clientWidth > 900")
    assert shown_cards(page) == ["grad_norm"]
    assert query(page)["focus"] == ["grad_norm"]
    expect(card.locator("aside")).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector('[data-name=grad_norm] .main-svg').clientWidth > 900"
    )
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-name=grad_norm]")).to_be_hidden()
    assert len(shown_cards(page)) == 1
    page.keyboard.press("Escape")
    expect(page.locator("[data-name=loss]")).to_be_visible()


def test_layers_can_be_picked(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    before = len(trace_data(page, "grad_norm"))
    page.get_by_role("textbox", name="Layers").fill("3.w")
    page.get_by_role("option", name="3.weight").click()
    page.keyboard.press("Escape")
    expect(page.locator("[data-name=grad_hist1d] .note")).to_contain_text("3.weight")
    assert query(page)["layer"] == ["3.weight"]
    settled(page)
    assert len(trace_data(page, "grad_norm")) != before or "3.weight" in page.content()


def test_the_quantity_of_the_layers_instrument(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    choice = page.get_by_role("combobox", name="Quantity")
    choice.select_option("Distance")
    page.wait_for_function(
        "() => cockpit.cards.get('layers').plot.getAttribute('aria-label').includes('Distance')"
    )
    assert query(page)["quantity"] == ["Distance"]


def test_keys(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    page.keyboard.press("t")
    page.wait_for_function("() => cockpit.state.x === 'time'")
    page.keyboard.press("?")
    expect(page.locator("#options")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-name=loss]").hover()
    page.keyboard.press("f")
    page.wait_for_function("() => cockpit.state.focus === 'loss'")
