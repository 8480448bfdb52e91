"""Check 15: zoom and crosshair of one line panel are those of all."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Open, Serve, query, settled
from tests.synthetic import write_run

pytestmark = pytest.mark.browser
HISTORIES = "() => [...cockpit.cards.values()].filter(c => c.drawn && c.history.length)"


def test_check_15_the_zoom_of_one_is_the_zoom_of_all(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "full", steps=120, layers=8)
    page = open_page(serve(tmp_path), viewport={"width": 1900, "height": 1400})
    settled(page)
    page.evaluate(
        "() => Plotly.relayout(cockpit.cards.get('loss').plot, {'xaxis.range': [10, 30]})"
    )
    settled(page)
    ranges = page.evaluate(
        f"""() => ({HISTORIES})().flatMap(c => c.history.map(
            name => c.plot._fullLayout[name].range.map(Math.round).join()))"""
    )
    assert len(ranges) >= 14
    assert set(ranges) == {"10,30"}
    assert query(page)["window"] == ["10~30"]
    page.get_by_role("button", name="Undo zoom").click()
    page.wait_for_function(
        "() => cockpit.cards.get('grad_norm').plot._fullLayout.xaxis.range[1] > 100"
    )


def test_check_15_the_crosshair_is_shared(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_run(tmp_path / "full", steps=120, layers=8)
    page = open_page(serve(tmp_path), viewport={"width": 1900, "height": 1400})
    settled(page)
    box = page.locator("[data-name=grad_norm] .plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lines = page.locator(".crosshair:visible")
    expect(lines.first).to_be_visible()
    steps = page.evaluate(
        f"""() => ({HISTORIES})().filter(c => c.crosshairs).map(c => {{
            const x = c.plot._fullLayout[c.history[0]];
            return x.p2d(new DOMMatrix(c.crosshairs[0].style.transform).e - x._offset);
        }})"""
    )
    assert len(steps) >= 10
    assert max(steps) - min(steps) < 1
    assert 40 < steps[0] < 80
    page.mouse.move(5, 5)
    expect(lines).to_have_count(0)
