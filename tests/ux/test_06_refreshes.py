"""Check 6: what a user chose stays while the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import LiveRun, Open, Serve, query, settled, trace_data, wait_fact
from tests.ux.conftest import STRICT, Note

pytestmark = pytest.mark.browser
REFRESHES = 20 if STRICT else 8
RANGE = "name => cockpit.cards.get(name).plot._fullLayout.xaxis.range.map(Math.round)"


def test_check_06_zoom_scrubber_and_filters_survive_refreshes(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun, figure: Note
) -> None:
    live_run.write(55)
    page = open_page(f"{serve(tmp_path)}?refresh=fast&step=22&layer=0.weight&layer=3.weight")
    settled(page)
    box = page.locator("[data-name=grad_norm] .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=5)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo zoom")).to_be_visible()
    settled(page)
    chosen = {name: page.evaluate(RANGE, name) for name in ("grad_norm", "loss")}
    assert chosen["loss"] == chosen["grad_norm"]
    assert chosen["loss"][0] > 5
    polls = page.evaluate("() => cockpit.stats.polls")
    for _ in range(REFRESHES):
        last = live_run.write(2)
        wait_fact(page, "step", str(last))
        settled(page)
    assert page.evaluate("() => cockpit.stats.polls") >= polls + REFRESHES
    assert {name: page.evaluate(RANGE, name) for name in chosen} == chosen
    expect(page.locator("#scrubbed")).to_have_text("step 22")
    expect(page.locator("[data-name=grad_hist1d] .current")).to_contain_text("22")
    assert query(page)["layer"] == ["0.weight", "3.weight"]
    names = page.evaluate("() => cockpit.cards.get('grad_norm').plot._fullData.map(t => t.name)")
    assert {"0.weight", "3.weight"} <= set(names)
    assert trace_data(page, "grad_norm")
    figure("refreshes survived", REFRESHES, "")
