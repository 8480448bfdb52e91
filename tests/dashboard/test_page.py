"""What is on the page, and what its controls do."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from cockpit.instruments import View, panels
from cockpit.instruments.horizontal import Horizontal
from cockpit.log import RunLog
from tests.dashboard.conftest import LiveRun, Open, Serve, fact, shown_cards, trace_data, wait_fact
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_run(tmp_path / "full", steps=120, layers=8)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def current(page: Page, instrument: str) -> str:
    return page.locator(f"[data-name={instrument}] .current").inner_text()


def settled(page: Page) -> None:
    """Wait until the page has nothing more to ask for the present view."""
    page.wait_for_function(
        """() => [...cockpit.cards.values()].every(
            c => !c.present || !c.visible || c.token[0] !== "")"""
    )


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


def test_the_scrubber_moves_the_distributions_and_live_returns(
    full: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    latest = current(page, "grad_hist1d")
    thumb = page.locator("#scrubber").get_by_role("slider")
    thumb.focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#scrubbed")).to_have_text("step 59")
    expect(page.locator("[data-name=grad_hist1d] .current")).to_contain_text("59")
    expect(page.locator("[data-name=grad_hist2d] .current")).to_contain_text("50")
    assert query(page)["step"] == ["59"]
    page.get_by_role("button", name="Live", exact=True).click()
    expect(page.locator("[data-name=grad_hist1d] .current")).to_have_text(latest)
    assert "step" not in query(page)


def test_the_scrubber_stays_while_the_run_goes_on(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    live_run.write(20)
    page = open_page(f"{serve(tmp_path)}?step=7")
    expect(page.locator("#scrubbed")).to_have_text("step 7")
    last = live_run.write(10)
    wait_fact(page, "step", str(last))
    expect(page.locator("#scrubbed")).to_have_text("step 7")
    expect(page.locator("[data-name=grad_hist1d] .current")).to_contain_text("7")


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


@pytest.mark.parametrize("axis", ["Step", "Epoch", "Time"])
def test_horizontal_axis(full: Path, serve: Serve, open_page: Open, axis: str) -> None:
    other = "time" if axis == "Step" else "step"
    page = open_page(f"{serve(full.parent)}?x={other}")
    settled(page)
    page.get_by_role("radiogroup", name="Horizontal axis").get_by_text(axis).click()
    page.wait_for_function(f"() => cockpit.state.x === '{axis.lower()}'")
    settled(page)
    (last,) = Horizontal(RunLog(full), View(x=axis.lower())).positions([119])
    shown = max(max(t["x"]) for t in trace_data(page, "grad_norm"))
    assert shown == pytest.approx(last, rel=1e-5)


def test_the_zoom_of_one_is_the_zoom_of_all_and_stays(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    live_run.write(55)
    page = open_page(serve(tmp_path))
    settled(page)
    zoom = "() => Plotly.relayout(cockpit.cards.get('loss').plot, {'xaxis.range': [10, 30]})"
    page.evaluate(zoom)
    shown = "() => cockpit.cards.get('grad_norm').plot.layout.xaxis.range.map(Math.round).join()"
    page.wait_for_function(f"() => ({shown})() === '10,30'")
    for _ in range(4):
        last = live_run.write(2)
        wait_fact(page, "step", str(last))
    assert page.evaluate(shown) == "10,30"
    assert query(page)["window"] == ["10~30"]
    page.get_by_role("button", name="Undo zoom").click()
    page.wait_for_function(f"() => ({shown})() !== '10,30'")


def test_the_crosshair_is_shared(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    box = page.locator("[data-name=grad_norm] .plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lines = page.locator(".crosshair:visible")
    expect(lines.first).to_be_visible()
    steps = page.evaluate(
        """() => ["loss", "mean_gsnr"].map(name => {
            const {plot, crosshairs: [line]} = cockpit.cards.get(name);
            const x = plot._fullLayout.xaxis;
            return x.p2d(new DOMMatrix(line.style.transform).e - x._offset);
        })"""
    )
    assert steps[0] == pytest.approx(steps[1], abs=0.05)
    assert 40 < steps[0] < 80
    page.mouse.move(5, 5)
    expect(lines).to_have_count(0)


def test_smoothing(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    page.locator("#smoothing").get_by_role("slider").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#smoothing-text")).to_have_text("5 %")
    assert query(page)["smoothing"] == ["0.05"]
    page.locator("#smoothing-auto").click()
    expect(page.locator("#smoothing-text")).to_have_text("auto")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_chosen(
    full: Path, serve: Serve, open_page: Open, scheme: str
) -> None:
    other = "Light" if scheme == "dark" else "Dark"
    page = open_page(serve(full.parent), color_scheme=scheme)
    attribute = "() => document.documentElement.dataset.mantineColorScheme"
    assert page.evaluate(attribute) == scheme
    before = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Options").click()
    page.get_by_text(other, exact=True).click()
    page.wait_for_function(f"() => ({attribute})() === '{other.lower()}'")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != before


def test_the_address_restores_the_view(full: Path, serve: Serve, open_page: Open) -> None:
    address = (
        f"{serve(full.parent)}?run=full&x=time&smoothing=0.5&step=40&layer=0.weight"
        "&quantity=Distance&theme=dark"
    )
    page = open_page(address)
    settled(page)
    expect(page.locator("#scrubbed")).to_have_text("step 40")
    expect(page.locator("#smoothing-text")).to_have_text("50 %")
    expect(page.get_by_role("combobox", name="Quantity")).to_have_value("Distance")
    assert page.evaluate("() => document.documentElement.dataset.mantineColorScheme") == "dark"
    assert page.evaluate("() => cockpit.state.layers") == ["0.weight"]
    assert parse_qs(urlsplit(address).query) == query(page)


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


@pytest.mark.parametrize("width", [390, 1000, 1600, 2600])
def test_nothing_sticks_out_at_any_width(
    full: Path, serve: Serve, open_page: Open, width: int
) -> None:
    page = open_page(serve(full.parent), viewport={"width": width, "height": 900})
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    right = page.locator(".card").evaluate_all(
        "nodes => Math.max(...nodes.map(n => n.getBoundingClientRect().right))"
    )
    assert right <= width
