"""The lamps on the page: the cause, what it explains, who watches, and what was put away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cockpit.lamps import get
from cockpit.synthetic import write_kind
from tests.dashboard.asking import poll
from tests.dashboard.conftest import Open, Serve, settled
from tests.lamps.lines import Watched, watched

FACTS = {"inputs.nonfinite": 0, "update.decrease": 0.1}
LAMP = get("learning_rate_too_large")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Watched]:
    """A run that goes on, with lamps that watch it."""
    with watched(tmp_path / "runs" / "live") as made:
        made.steps(10, FACTS)
        yield made


@pytest.fixture
def page(run: Watched, serve: Serve, open_page: Open) -> Page:
    return open_page(serve(run.writer.path.parents[1]))


def light(run: Watched, **fields: object) -> None:
    said = {"level": "warning", "since": 4, "evidence": "α is 0.6 (over −0.1).", **fields}
    run.lamp(LAMP.name, **said)


@pytest.mark.browser
def test_a_lit_lamp_names_the_cause_and_what_it_explains(run: Watched, page: Page) -> None:
    light(run)
    run.lamp("oscillation", cause=LAMP.name, evidence="It alternates.")
    alert = page.locator("#alerts .alert")
    expect(alert).to_have_count(1)
    expect(alert.locator(".level")).to_have_text("▲ warning", ignore_case=True)
    expect(alert.locator(".message")).to_have_text(LAMP.title)
    expect(alert.locator(".when")).to_have_text("since step 4")
    expect(alert.locator(".means")).to_have_text(LAMP.means)
    expect(alert.locator(".advice")).to_have_text(LAMP.do)
    expect(alert.locator(".evidence")).to_have_text("α is 0.6 (over −0.1).")
    expect(alert.locator(".consequence")).to_have_text("◆ Oscillation")
    expect(alert.locator(".curve figcaption")).to_have_text("Alpha")
    assert page.title().startswith("▲ ")


@pytest.mark.browser
def test_the_whole_explanation_is_one_click_away(run: Watched, page: Page) -> None:
    light(run, numbers={"alpha": 0.6}, layers=["0.weight"])
    page.get_by_role("button", name=f"What “{LAMP.title}” means").first.click()
    box = page.locator(".about-alert:popover-open")
    for label in ("What it means", "What to do", "Evidence", "Where", "How it is told", "Source"):
        expect(box.get_by_text(label, exact=True)).to_be_visible()
    expect(box.locator("td")).to_have_text("0.6")
    expect(box).to_contain_text(LAMP.source)
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)


@pytest.mark.browser
def test_panels_that_a_lamp_is_about_bear_its_sign(run: Watched, page: Page) -> None:
    light(run)
    sign = page.locator("[data-name=alpha] .mark")
    expect(sign).to_have_text("▲")
    expect(sign).to_have_attribute("title", f"warning: {LAMP.title}")
    expect(page.locator("[data-name=gradient_tests] .mark")).to_be_visible()
    expect(page.locator("[data-name=loss] .mark")).to_be_hidden()
    sign.click()
    expect(page.locator(".about-alert:popover-open")).to_contain_text(LAMP.means)
    page.keyboard.press("Escape")
    run.lamp(LAMP.name, "off", level="warning", since=4)
    expect(sign).to_be_hidden()
    expect(page.locator("#alerts .alert")).to_have_count(0)


@pytest.mark.browser
def test_all_dark_says_who_watches_and_who_cannot(run: Watched, page: Page) -> None:
    expect(page.locator("#quiet")).to_have_text("No lamp lit")
    expect(page.locator("#lamps-button")).to_contain_text("watch")
    page.keyboard.press("w")
    box = page.locator("#lamps:popover-open")
    expect(box).to_contain_text("see nothing wrong")
    expect(box).to_contain_text(LAMP.title)
    page.keyboard.press("Escape")
    light(run)
    run.lamp(LAMP.name, "off", level="warning", since=4)
    page.wait_for_function("() => cockpit.state && document.querySelector('#quiet')")
    page.locator("#lamps-button").click()
    expect(box.get_by_text("Were lit, and went out")).to_be_visible()
    expect(box).to_contain_text(f"△ {LAMP.title} steps 4 to 9")


@pytest.mark.browser
def test_an_acknowledged_lamp_comes_back_when_it_lights_anew(run: Watched, page: Page) -> None:
    light(run)
    alerts = page.locator("#alerts .alert")
    alerts.get_by_role("button", name="Acknowledge").click()
    expect(alerts).to_have_count(0)
    expect(page.locator("#quiet")).to_have_text("No new alerts · 1 acknowledged")
    expect(page.locator("[data-name=alpha] .mark")).to_be_visible()  # it is still the case
    run.lamp(LAMP.name, "off", level="warning", since=4)
    expect(page.locator("#quiet")).to_have_text("No lamp lit")
    run.steps(5, FACTS)
    light(run, since=12)
    expect(alerts).to_have_count(1)


@pytest.mark.browser
def test_a_silenced_lamp_stays_away_for_the_run(
    run: Watched, page: Page, serve: Serve, open_page: Open
) -> None:
    light(run)
    alerts = page.locator("#alerts .alert")
    page.get_by_role("button", name=f"What “{LAMP.title}” means").first.click()
    page.get_by_role("button", name="Silence for this run").click()
    expect(alerts).to_have_count(0)
    expect(page.locator("[data-name=alpha] .mark")).to_be_hidden()
    run.lamp(LAMP.name, "off", level="warning", since=4)
    run.steps(5, FACTS)
    light(run, since=12)
    expect(page.locator("#fact-step")).to_have_text("14")
    expect(page.locator("#quiet")).to_have_text("No new alerts · 1 silenced")
    page.reload()  # it is kept by the browser, not by the page
    expect(page.locator("#quiet")).to_have_text("No new alerts · 1 silenced")
    page.locator("#lamps-button").click()
    page.get_by_role("button", name="Show again").click()
    expect(alerts).to_have_count(1)


@pytest.mark.browser
def test_what_has_the_focus_keeps_it_while_the_run_goes_on(run: Watched, page: Page) -> None:
    light(run)
    button = page.locator("#alerts .alert").get_by_role("button", name="Acknowledge")
    button.focus()
    run.steps(5, FACTS)
    run.lamp(LAMP.name, "update", level="warning", since=4, evidence="α is 0.9.")
    expect(page.locator(".evidence")).to_have_text("α is 0.9.")
    expect(button).to_be_focused()


@pytest.mark.browser
def test_advisories_are_quiet(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_kind("lamp-caution", tmp_path / "c")
    page = open_page(serve(tmp_path))
    settled(page)
    levels = page.locator("#alerts .level")
    expect(levels).to_have_text(["◆ caution", "● advisory"], ignore_case=True)
    colors = levels.evaluate_all("nodes => nodes.map(n => getComputedStyle(n).color)")
    assert colors[0] != colors[1]
    assert page.title().startswith("◆ ")


def test_lamps_are_sent_once(tmp_path: Path, serve: Serve) -> None:
    write_kind("lamp-warning", tmp_path / "w")
    url = serve(tmp_path)
    reply = json.loads(poll(url, {"run": "w"})[1])
    assert reply["lamps"]["watched"]
    assert [one["title"] for one in reply["lamps"]["past"]]
    assert reply["lamps"]["about"][LAMP.name]["source"] == LAMP.source
    again = json.loads(poll(url, {"run": "w", "lamps": reply["lamps_stamp"]})[1])
    assert "lamps" not in again
    assert [a["lamp"] for a in again["facts"]["alerts"]] == [LAMP.name]


def test_a_run_that_no_lamp_watched_claims_nothing(tmp_path: Path, serve: Serve) -> None:
    write_kind("healthy", tmp_path / "h", steps=20)
    reply = json.loads(poll(serve(tmp_path), {"run": "h"})[1])
    assert reply["lamps"] == {
        "watched": False, "watching": 0, "healthy": [], "hidden": [], "absent": [], "silenced": [],
        "past": [], "about": {},
    }  # fmt: skip
