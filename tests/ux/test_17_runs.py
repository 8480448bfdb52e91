"""Check 17: several runs, and one in several attempts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.comparing import TRACES, colors, compare, row, wait_shown
from tests.dashboard.conftest import (
    ECONOMY,
    LiveRun,
    Open,
    Serve,
    trace_data,
    wait_drawn,
    wait_fact,
)
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


@pytest.fixture
def five(tmp_path: Path) -> Path:
    for place, name in enumerate("abcde"):
        write_run(tmp_path / name, 60 + 20 * place, layers=4, seed=place, quantities=ECONOMY)
    return tmp_path


def test_check_17_five_runs_side_by_side(five: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(five)}?run=a")
    compare(page, "bcde")
    wait_shown(page, "abcde")
    assert len(set(colors(page).values())) == 5
    expect(page.locator(".chip")).to_have_count(5)
    page.keyboard.press("Escape")
    expect(page.locator("#runs-table")).to_be_hidden()
    for name in ("loss", "alpha", "gradient_tests", "grad_hist1d"):
        page.wait_for_function(
            f"name => Object.keys(({TRACES})(name)).filter(n => n.length === 1).length === 5",
            arg=name,
        )
    maps = (
        "() => cockpit.cards.get('layers').plot._fullData.filter(t => t.type === 'heatmap').length"
    )
    page.wait_for_function(f"() => ({maps})() === 5")


def test_check_17_a_run_keeps_its_color(five: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(f"{serve(five)}?run=a")
    compare(page, "bcd")
    wait_shown(page, "abcd")
    first = colors(page)
    page.locator("#compared").get_by_role("button", name="Hide b").click()
    wait_shown(page, "acd")
    assert colors(page).items() <= first.items()
    page.locator("#compared").get_by_role("button", name="Leave out c").click()
    wait_shown(page, "ad")
    row(page, "e").get_by_role("checkbox").check()
    wait_shown(page, "ade")
    assert colors(page)["e"] not in first.values()  # c may come back
    row(page, "c").get_by_role("checkbox").check()
    page.locator("#compared").get_by_role("button", name="Show b").click()
    wait_shown(page, "abcde")
    assert first.items() <= colors(page).items()
    page.locator("#compared").get_by_role("button", name="d", exact=True).click()
    wait_fact(page, "step", "119")  # d is in front
    wait_shown(page, "abcde")
    assert first.items() <= colors(page).items()


def test_check_17_a_resumed_run_shows_no_zig_zag(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    page = open_page(serve(tmp_path))
    live_run.write(35)
    wait_drawn(page, 39)
    live_run.writer.close()  # as the system does for a killed process: no end record
    with live_run.writer.path.open("ab") as log:
        log.write(b'{"type":"step","step":40,"val')  # and a torn line
    again = LiveRun(tmp_path / "live")
    again.next = 20
    again.write(5)
    wait_fact(page, "attempt", "2")
    wait_fact(page, "step", "24")
    page.wait_for_function(
        """() => Math.max(...cockpit.cards.get("loss").plot._fullData.flatMap(
            t => Array.from((t.x || [])._inputArray || t.x || []))) === 24"""
    )
    for trace in trace_data(page, "loss"):
        assert trace["x"] == sorted(trace["x"]), "zig-zag"
    again.writer.close()
