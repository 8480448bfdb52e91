"""Runs laid over each other in a browser: what tests do with them and see of them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

TRACES = """name => Object.fromEntries((window.cockpit?.cards?.get(name)?.plot._fullData || [])
    .filter(t => t.name && t.line && t.mode === "lines" && !/^trace /.test(t.name))
    .map(t => [t.name, t.line.color]))"""


def colors(page: Page, instrument: str = "grad_norm") -> dict[str, str]:
    """The color of each run's line."""
    found: dict[str, str] = page.evaluate(TRACES, instrument)
    return found


def wait_shown(page: Page, names: str) -> None:
    """Wait until just these runs are drawn."""
    page.wait_for_function(
        f"names => Object.keys(({TRACES})('grad_norm')).sort().join() === names",
        arg=",".join(sorted(names)),
    )


def row(page: Page, name: str) -> Locator:
    """A run in the table of runs."""
    return page.locator("#runs-table tbody tr").filter(
        has=page.get_by_role("checkbox", name=f"Compare {name}", exact=True)
    )


def compare(page: Page, names: str) -> None:
    """Open the table of runs and tick these, of one letter each."""
    page.keyboard.press("r")
    for name in names:
        row(page, name).get_by_role("checkbox").check()
