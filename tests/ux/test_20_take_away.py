"""Check 20: what can be taken away; nothing comes from elsewhere.

That no page complains on the console, nor asks another host, is a matter of every test of the page:
``open_page`` fails the test if one does.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Open, Serve, Watched, query, settled
from tests.synthetic import write_run
from tests.ux.conftest import Note

pytestmark = pytest.mark.browser


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_run(tmp_path / "full", steps=120, layers=8)


STARTS = {"PNG": b"\x89PNG", "SVG": b"<svg", "CSV": b"step,"}


@pytest.mark.parametrize("focus", ["", "loss"])
def test_check_20_every_panel_can_be_saved(
    full: Path, serve: Serve, open_page: Open, focus: str
) -> None:
    page = open_page(f"{serve(full.parent)}?focus={focus}")
    card = page.locator("[data-name=loss]")
    card.scroll_into_view_if_needed()
    expect(card.locator(".main-svg").first).to_be_visible()
    card.hover()
    for format, start in STARTS.items():
        card.get_by_role("button", name="Save").click()
        with page.expect_download() as download:
            page.locator(".menu:popover-open").get_by_role("button", name=format).click()
        assert download.value.suggested_filename == f"full-loss.{format.lower()}"
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(start)
        if format == "SVG":
            assert b"valid_loss: lowest" in content  # title and note are in the picture


def test_check_20_the_address_restores_the_view(full: Path, serve: Serve, open_page: Open) -> None:
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


def test_check_20_nothing_comes_from_another_host(
    full: Path, serve: Serve, open_page: Open, watched: Watched, figure: Note
) -> None:
    page = open_page(serve(full.parent))
    settled(page)
    page.get_by_role("button", name="Options").click()
    assert watched.hosts == {"127.0.0.1"}
    figure("other hosts asked", len(watched.hosts - {"127.0.0.1"}), "", 0, timed=False)
    figure("complaints on the console", len(watched.complaints), "", 0, timed=False)
