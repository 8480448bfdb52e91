"""What all tests share: one thread per process, no display, the browser, the real data."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from cockpit.problems.data import ImageSet

# Read when torch and matplotlib are imported, here and in what the tests start.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every CI run: a new one is found at home, not in somebody's submission.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser for tests of the page."""
    named = os.environ.get("COCKPIT_CHROMIUM", "")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        if name and (path := shutil.which(name)):
            return path
    pytest.fail("no Chromium found; run scripts/browser.sh, or set COCKPIT_CHROMIUM to its path")


BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The browser for all tests of the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def fashion_mnist() -> ImageSet:
    """The real Fashion-MNIST, as `make test` has brought it here."""
    from cockpit.problems.data import load

    return load("fashion-mnist")
