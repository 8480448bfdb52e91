"""Tables of numbers on the page, and what its export menus save."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from cockpit.log import RunLog
from tests.dashboard.conftest import LiveRun, Open, Serve
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_run(tmp_path / "full", steps=120, layers=8)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def loss_at(run: Path, step: int) -> str:
    return f"{RunLog(run).series('Loss').value[step]:.9g}"


def value(page: Page, inside: str, quantity: str) -> object:
    """The number in the row of a quantity that has one only."""
    name = page.locator(f"{inside} tr.first", has=page.get_by_text(quantity, exact=True))
    return name.locator(".value")


def test_full_screen_has_the_numbers_of_its_instrument(
    full: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(f"{serve(full.parent)}?focus=loss")
    own = page.locator("[data-name=loss] .own-numbers")
    expect(own.locator("h4")).to_have_text("Numbers at step 119")
    expect(value(page, "[data-name=loss]", "Loss")).to_have_text(loss_at(full, 119))
    expect(own.get_by_text("valid_loss")).to_be_visible()
    expect(own.get_by_text("GradNorm")).to_have_count(0)


def test_the_scrubber_moves_the_numbers_in_full_screen(
    full: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(f"{serve(full.parent)}?focus=grad_hist2d")
    own = page.locator("[data-name=grad_hist2d] .own-numbers")
    expect(own.locator("h4")).to_have_text("Numbers at step 119")
    page.locator("#scrubber").get_by_role("slider").focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    expect(own.locator("h4")).to_have_text("Numbers at step 59")
    expect(own.locator(".said").first).to_have_text("step 50")
    expect(page.locator("[data-name=grad_hist2d] .current")).to_contain_text("50")
    _, histogram = RunLog(full).histogram("GradHist2d", 59)
    expect(own.locator(".value").nth(1)).to_have_text(str(histogram.network.sum()))


def test_a_parameter_is_picked_from_the_numbers(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(full.parent)}?focus=grad_norm")
    pick = page.locator("[data-name=grad_norm] .parameter", has_text="3.weight")
    pick.click()
    expect(pick).to_have_attribute("aria-pressed", "true")
    assert query(page)["layer"] == ["3.weight"]
    page.wait_for_function(
        "() => cockpit.cards.get('grad_norm').plot._fullData.some(t => t.name === '3.weight')"
    )
    pick.click()
    expect(pick).to_have_attribute("aria-pressed", "false")
    assert "layer" not in query(page)


def test_copied_numbers_fit_a_spreadsheet(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(full.parent)}?focus=loss&step=40",
                     permissions=["clipboard-read", "clipboard-write"])  # fmt: skip
    button = page.locator("[data-name=loss] .copy")
    button.click()
    expect(button).to_have_text("Copied")
    table = pd.read_csv(
        io.StringIO(page.evaluate("() => navigator.clipboard.readText()")), sep="\t"
    )
    assert table["quantity"].tolist() == ["valid_loss", "Loss"]
    assert table["step"].tolist() == [40, 40]
    assert table["value"].tolist()[1] == float(loss_at(full, 40))
    expect(button).to_have_text("Copy")


def test_numbers_are_copied_where_the_browser_has_no_clipboard(
    full: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(f"{serve(full.parent)}?focus=loss",
                     permissions=["clipboard-read", "clipboard-write"])  # fmt: skip
    page.evaluate("() => delete window.ClipboardItem")  # as off localhost without https
    page.locator("[data-name=loss] .copy").click()
    expect(page.locator("[data-name=loss] .copy")).to_have_text("Copied")
    assert "valid_loss\t" in page.evaluate("() => navigator.clipboard.readText()")


def test_the_whole_record_with_search(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(full.parent))
    page.keyboard.press("n")
    panel = page.get_by_role("complementary", name="Numbers")
    expect(panel.locator("h4")).to_have_text("Numbers at step 119")
    expect(value(page, ".record", "Loss")).to_have_text(loss_at(full, 119))
    expect(panel.get_by_role("status")).to_contain_text("The first 400 of")
    search = panel.get_by_role("searchbox")
    expect(search).to_be_focused()
    search.fill("gradnorm weight")
    expect(panel.locator(".parameter")).to_have_text(
        ["0.weight", "3.weight", "6.weight", "9.weight"]
    )
    assert query(page)["record"] == ["gradnorm weight"]
    search.fill("no such thing")
    expect(panel.get_by_role("status")).to_have_text("No number of that name.")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert "record" not in query(page)


def test_the_address_opens_the_record(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(full.parent)}?record=tic&step=30")
    panel = page.get_by_role("complementary", name="Numbers")
    expect(panel.locator("h4")).to_have_text("Numbers at step 30")
    expect(panel.get_by_role("searchbox")).to_have_value("tic")
    expect(panel.locator("tr.first th").first).to_contain_text("TICDiag")
    panel.get_by_role("button", name="Close the numbers").click()
    expect(panel).to_be_hidden()


def test_the_record_follows_a_run_that_goes_on(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    page = open_page(f"{serve(tmp_path)}?record=loss")
    panel = page.get_by_role("complementary", name="Numbers")
    expect(panel.locator("h4")).to_have_text("Numbers at step 4")
    last = live_run.write(7)
    expect(panel.locator("h4")).to_have_text(f"Numbers at step {last}")
    expect(value(page, ".record", "Loss")).to_have_text(loss_at(tmp_path / "live", last))


def test_a_table_that_did_not_change_is_not_sent_again(
    full: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(f"{serve(full.parent)}?record=")
    expect(page.locator(".record h4")).to_have_text("Numbers at step 119")
    page.wait_for_function(
        "() => [...cockpit.cards.values()].every(c => !c.present || !c.visible || c.token[0])"
    )
    polls = page.evaluate("() => cockpit.stats.polls")
    page.wait_for_function(f"() => cockpit.stats.polls > {polls} + 2")
    assert page.evaluate("() => cockpit.stats.bytes") < 1000


FILES = {
    "Web page": ("full-step-30.html", b"<!doctype html>"),
    "PDF": ("full-step-30.pdf", b"%PDF"),
    "Numbers": ("full-step-30-record.csv", b"quantity,layer,entry,value,step,note"),
}


def test_the_whole_cockpit_can_be_saved(full: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(full.parent)}?step=30")
    for item, (name, start) in FILES.items():
        page.locator("#export-button").click()
        with page.expect_download(timeout=120_000) as download:
            page.locator("#export").get_by_role("button", name=item).click()
        assert download.value.suggested_filename == name
        assert Path(download.value.path()).read_bytes().startswith(start)
