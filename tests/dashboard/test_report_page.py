"""The report as a page: what is on it, that nothing in it runs, and how it looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cockpit.dashboard.colors import mixed, stylesheet_of
from cockpit.dashboard.report_page import report_html
from cockpit.log import RunLog
from cockpit.report import report_on
from cockpit.synthetic import write_kind
from tests.dashboard.test_security import HOSTILE, hostile_run
from tests.lamps.lines import watched

CONTRAST = (Path(__file__).parents[1] / "ux" / "contrast.js").read_text()
TEXT = 4.5


def page_of(kind: str, folder: Path, theme: str = "system") -> str:
    return report_html(report_on(RunLog(write_kind(kind, folder / kind))), theme)


def test_a_finding_has_all_its_parts(tmp_path: Path) -> None:
    page = page_of("lamp-warning", tmp_path)
    for part in (
        '<h2><span class="sign">▲</span> Learning rate too large</h2>',
        "1 warning lit when the run ended.",
        "<span>Try first</span> Divide the learning rate by 3",
        "<h3>Learning rate too large</h3>",
        "from step 100 to the end",
        "<dt>Evidence</dt><dd>Median α 0.60",
        "Oscillation since step 112.",
        "<summary>How it is told</summary>",
        '<svg viewBox="0 0 120 24"',
        "Lit for a while, and out again",
        "looked for, not found",
    ):
        assert part in page, part
    assert "<script" not in page
    assert len(page) < 60_000


def test_a_dark_run_is_quiet(tmp_path: Path) -> None:
    page = page_of("lamps-dark", tmp_path)
    body = page.partition("</head>")[2]
    assert "No lamp was lit" in body
    assert not any(sign in body for sign in "▲◆●△◇○")
    assert "<article" not in body
    assert 'class="course"' not in body


def test_the_colors_of_a_page_without_a_script() -> None:
    assert "@media" not in stylesheet_of("light")
    assert "@media screen and (prefers-color-scheme: dark)" in stylesheet_of("system")
    assert "@media screen {" in stylesheet_of("dark")  # paper stays white
    assert mixed("#FF0000", "#FFFFFF", 0.2) == "#FFCCCC"


@pytest.mark.browser
def test_no_text_of_a_log_becomes_markup(tmp_path: Path, browser: Browser) -> None:
    hostile_run(tmp_path / "plain")
    with watched(tmp_path / "lamps") as run:
        run.steps(3, {"inputs.nonfinite": 0})
        for i, text in enumerate(HOSTILE):
            suggestion = {"change": text, "factor": None, "value": 1.0, "layers": []}
            cause = HOSTILE[0] if i else None
            run.lamp(text, level="warning", evidence=text, layers=[text], numbers={text: 1.0},
                     cause=cause, suggestion=suggestion)  # fmt: skip
    complaints: list[str] = []
    for name in ("plain", "lamps"):
        page = browser.new_page(offline=True)
        page.on("console", lambda message: complaints.append(message.text))
        path = tmp_path / f"{name}.html"
        path.write_text(report_html(report_on(RunLog(tmp_path / name))), encoding="utf-8")
        page.goto(path.as_uri())
        assert page.evaluate("() => window.hacked") is None
        assert page.locator("img, script, a, svg[onload]").count() == 0
        page.close()
    assert complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1000])
def test_it_is_legible_and_keeps_to_its_width(
    tmp_path: Path, browser: Browser, theme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of("lamp-warning", tmp_path), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.goto(path.as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.evaluate("() => { window.cockpit = {cards: new Map()}; }")
    found = page.evaluate(CONTRAST)["texts"]
    assert len(found) > 30
    assert [one for one in found if one["ratio"] < TEXT] == []
    page.close()
