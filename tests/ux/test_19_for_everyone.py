"""Check 19: for every eye, and without a mouse."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cockpit.dashboard.layout import SHORTCUTS
from cockpit.instruments.history import SERIES_ROLES
from cockpit.render.theme import THEMES
from cockpit.synthetic.lamps import DEAD, TOO_LARGE
from tests.dashboard.conftest import Open, Serve, settled
from tests.synthetic import write_run
from tests.ux.color_vision import distance
from tests.ux.conftest import Note

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
TEXT, MARK = 4.5, 3.0
APART = 10.0  # ΔE; a quarter of it is just noticeable
LARGE = {"width": 1900, "height": 1400}
NAMELESS = """() => [...document.querySelectorAll(
        "button, input, select, textarea, a[href], [tabindex='0'], [role=slider], [role=img]")]
    .filter(n => n.checkVisibility() && !n.closest("[aria-hidden=true]"))
    .filter(n => !(n.ariaLabel || n.title || n.textContent.trim() || n.labels && n.labels.length
        || n.getAttribute("aria-labelledby")))
    .map(n => n.outerHTML.slice(0, 120))"""


@pytest.fixture
def page(tmp_path: Path, serve: Serve, open_page: Open, request: pytest.FixtureRequest) -> Page:
    """A page with warnings, cautions and all instruments, in the theme that the test asks for."""
    lamps = (*TOO_LARGE, *DEAD)
    write_run(tmp_path / "bad", steps=160, diverge_at=150, lamps=lamps)
    theme = getattr(request, "param", "system")
    page = open_page(f"{serve(tmp_path)}?theme={theme}&layer=0.weight", viewport=LARGE)
    settled(page)
    return page


@pytest.mark.browser
@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_check_19_contrast(page: Page, figure: Note) -> None:
    page.get_by_role("button", name="Options").click()
    found = page.evaluate(CONTRAST)
    assert len(found["texts"]) > 150
    assert len(found["marks"]) > 15
    theme = page.evaluate("() => document.documentElement.dataset.mantineColorScheme")
    for kind, least in (("texts", TEXT), ("marks", MARK)):
        low = [one for one in found[kind] if one["ratio"] < least]
        assert not low, low
        smallest = min(one["ratio"] for one in found[kind])
        figure(f"least contrast of {kind} ({theme})", smallest, ": 1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_check_19_series_differ_for_deuteranopes(theme: str, figure: Note) -> None:
    colors = [THEMES[theme].colors[role] for role in SERIES_ROLES]
    least = min(distance(a, b, deuteranopia=True) for a, b in combinations(colors, 2))
    figure(f"least ΔE of two series for deuteranopes ({theme})", least, "")
    assert least > APART


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_check_19_theme_follows_the_system_until_chosen(
    tmp_path: Path, serve: Serve, open_page: Open, scheme: str
) -> None:
    write_run(tmp_path / "a", steps=10, quantities=("Loss",))
    other = "Light" if scheme == "dark" else "Dark"
    page = open_page(serve(tmp_path), color_scheme=scheme)
    attribute = "() => document.documentElement.dataset.mantineColorScheme"
    assert page.evaluate(attribute) == scheme
    before = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Options").click()
    page.get_by_text(other, exact=True).click()
    page.wait_for_function(f"() => ({attribute})() === '{other.lower()}'")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.browser
def test_check_19_everything_can_be_reached_with_the_tab_key(page: Page, figure: Note) -> None:
    wanted = page.evaluate(
        """() => [...document.querySelectorAll(
                "button, select, input:not([type=hidden]), [role=slider]")]
            .filter(n => n.checkVisibility() && !n.disabled && n.tabIndex >= 0)
            .filter(n => n.type !== "radio" || n.checked)
            .map((n, i) => { n.dataset.walk = i; return i; }).length"""
    )
    page.add_style_tag(content="* { transition: none !important; }")
    reached, unmarked = set(), []
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(wanted + 40):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
                const node = document.activeElement;
                const looks = () => {
                    const nodes = [node, node.nextElementSibling];
                    for (let at = node.parentElement; at && nodes.length < 6; at = at.parentElement)
                        nodes.push(at);
                    return JSON.stringify(nodes.filter(Boolean).map(n => getComputedStyle(n))
                        .map(s => [s.outline, s.boxShadow, s.borderColor, s.backgroundColor]));
                };
                const focused = looks();
                node.blur();
                const differs = looks() !== focused;
                node.focus();
                return [node.dataset.walk, differs, node.outerHTML.slice(0, 100)];
            }"""
        )
        if at[0] is not None:
            reached.add(at[0])
            if not at[1]:
                unmarked.append(at[2])
    missed = page.evaluate(
        """reached => [...document.querySelectorAll("[data-walk]")]
            .filter(n => !reached.includes(n.dataset.walk)).map(n => n.outerHTML.slice(0, 120))""",
        sorted(reached),
    )
    assert missed == []
    assert unmarked == []
    figure("elements reached with Tab", len(reached), "")


@pytest.mark.browser
def test_check_19_a_look_around_without_a_mouse(page: Page) -> None:
    page.get_by_role("button", name="What Gradient norm means").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".popover:popover-open")).to_contain_text("What to do")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => cockpit.state.focus === 'grad_norm'")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => cockpit.state.focus !== 'grad_norm'")
    page.keyboard.press("Escape")
    page.wait_for_function("() => cockpit.state.focus === null")
    page.keyboard.press("t")
    page.wait_for_function("() => cockpit.state.x === 'time'")
    page.keyboard.press("?")
    for text in SHORTCUTS.values():
        expect(page.locator("#options").get_by_text(text, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#options")).to_be_hidden()


@pytest.mark.browser
def test_check_19_everything_has_a_name(page: Page) -> None:
    page.get_by_role("button", name="Options").click()
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("() => document.documentElement.lang") == "en"
    assert page.get_by_role("main").count() == 1


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1000, 1600, 2600, 4000])
def test_check_19_at_any_width(tmp_path: Path, serve: Serve, open_page: Open, width: int) -> None:
    write_run(tmp_path / "bad", steps=180, diverge_at=160, lamps=TOO_LARGE)
    page = open_page(serve(tmp_path), viewport={"width": width, "height": 900})
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    boxes = page.locator(".card").evaluate_all(
        "nodes => nodes.map(n => n.getBoundingClientRect()).map(r => [r.left, r.right, r.width])"
    )
    assert max(right for _, right, _ in boxes) <= width
    if width < 700:  # stacked, with the alerts above all
        assert len({left for left, _, _ in boxes}) == 1
        assert min(wide for _, _, wide in boxes) > 0.9 * width
        assert page.locator("#alerts .alert").first.bounding_box()["y"] < 100
