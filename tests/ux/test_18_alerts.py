"""Check 18: alerts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from cockpit.lamps import get
from cockpit.log.record import Scalar
from cockpit.synthetic import write_kind
from tests.dashboard.conftest import LiveRun, Open, Serve
from tests.synthetic import write_run

pytestmark = pytest.mark.browser


def test_check_18_an_alert_says_what_it_means_by_shape_and_word(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "a", steps=80, diverge_at=40, quantities=("Loss",))
    page = open_page(serve(tmp_path))
    alert = page.locator("#alerts .alert")
    expect(alert.locator(".level")).to_have_text("▲ warning", ignore_case=True)
    expect(alert.locator(".message")).to_contain_text("Loss: not a finite number")
    expect(alert.locator(".when")).to_contain_text("step 48")
    expect(alert.locator(".advice")).to_contain_text("learning rate")


def test_check_18_an_acknowledged_alert_is_put_away(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "a", steps=80, diverge_at=40, quantities=("Loss",))
    page = open_page(serve(tmp_path))
    alerts = page.locator("#alerts .alert")
    expect(alerts).to_have_count(1)
    alerts.get_by_role("button", name="Acknowledge").click()
    expect(alerts).to_have_count(0)
    expect(page.locator("#quiet")).to_have_text("No new alerts · 1 acknowledged")
    page.reload()
    expect(page.locator("#quiet")).to_have_text("No new alerts · 1 acknowledged")


def test_check_18_alerts_switch_on_and_clear(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    page = open_page(serve(tmp_path))
    expect(page.locator("#quiet")).to_have_text("No alerts")
    live_run.writer.step(5, {"Loss": Scalar(float("nan"))}, time=1.0)
    expect(page.locator("#alerts .alert")).to_have_count(1)
    live_run.writer.close()
    again = LiveRun(tmp_path / "live")
    again.next = 3
    again.write(4)
    expect(page.locator("#alerts .alert")).to_have_count(0)
    again.writer.close()


def test_check_18_a_lamp_names_the_cause_once(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_kind("lamp-warning", tmp_path / "w")
    page = open_page(serve(tmp_path))
    alert = page.locator("#alerts .alert")
    lamp = get("learning_rate_too_large")
    expect(alert).to_have_count(1)  # the others that are lit stand under it
    expect(alert.locator(".level")).to_have_text("▲ warning", ignore_case=True)
    for part in (lamp.title, lamp.means, lamp.do, "over -0.1", "since step 100", "◆ Oscillation"):
        expect(alert).to_contain_text(part)
    expect(page.locator("[data-name=alpha] .mark")).to_have_text("▲")


def test_check_18_all_dark_is_quiet(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_kind("lamps-dark", tmp_path / "d")
    page = open_page(serve(tmp_path))
    expect(page.locator("#quiet")).to_have_text("No lamp lit")
    expect(page.locator("#lamps-button")).to_contain_text("watch")
    expect(page.locator("#alerts .alert")).to_have_count(0)
    expect(page.locator(".mark:visible")).to_have_count(0)
    assert page.locator(".strip").bounding_box()["height"] < 30
