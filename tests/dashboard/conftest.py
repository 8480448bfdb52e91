"""A served folder of runs, a browser, and pages that must not complain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from cockpit.dashboard.server import make
from cockpit.log import LogWriter
from tests.synthetic import make_header, make_layers, make_values

ECONOMY = (
    "Loss", "Distance", "UpdateSize", "GradNorm", "Time", "Alpha",
    "NormTest", "InnerTest", "OrthoTest", "GradHist1d",
)  # fmt: skip
READY = "() => window.cockpit && window.cockpit.stats && window.cockpit.stats.drawn > 0"

Serve = Callable[..., str]
Open = Callable[..., Page]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves folders from threads of this process; returns the page's address."""
    servers = []

    def start(folder: Path, **options: Any) -> str:
        server, url = make(folder, port=0, **options)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return url

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


class Watched:
    """What a page did that it must not do."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.allowed: tuple[str, ...] = ()

    def attach(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, message: Any) -> None:
        expected = any(text in message.text for text in self.allowed)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    def _request(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(urlsplit(url).hostname or "")


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def open_page(browser: Browser, watched: Watched) -> Iterator[Open]:
    """Opens pages; in the end none of them may have complained or asked another host."""
    contexts = []

    def opened(url: str, *, ready: bool = True, **options: Any) -> Page:
        options = {"viewport": {"width": 1600, "height": 1000}, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        watched.attach(page)
        page.goto(url)
        if ready:
            page.wait_for_function(READY)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watched.complaints == []
    assert watched.hosts <= {"127.0.0.1"}


class LiveRun:
    """A run that a test writes step by step."""

    def __init__(self, folder: Path, layers: int = 4, names: tuple[str, ...] = ECONOMY) -> None:
        self.layers = make_layers(layers)
        self.names = names
        self.writer = LogWriter(folder, make_header(self.layers, names))
        self.next = 0

    def write(self, count: int = 1) -> int:
        """Append steps; returns the last one."""
        for step in range(self.next, self.next + count):
            values = make_values(step, self.layers, self.names)
            self.writer.step(step, values, time=0.02 * step, batch_size=128, lr=[0.05])
        self.next += count
        return self.next - 1


@pytest.fixture
def live_run(tmp_path: Path) -> Iterator[LiveRun]:
    """A run in ``tmp_path / "live"`` with five steps."""
    run = LiveRun(tmp_path / "live")
    run.write(5)
    yield run
    run.writer.close()


def fact(page: Page, name: str) -> str:
    """A fact in the head of the page."""
    return page.locator(f"#fact-{name}").inner_text()


def wait_fact(page: Page, name: str, text: str, timeout_ms: int = 5000) -> None:
    page.wait_for_function(
        "([id, text]) => document.getElementById(id).textContent === text",
        arg=[f"fact-{name}", text],
        timeout=timeout_ms,
    )


def shown_cards(page: Page) -> list[str]:
    """Names of the instruments that are on the page."""
    names = "nodes => nodes.filter(n => n.offsetParent).map(n => n.dataset.name)"
    return page.locator(".card").evaluate_all(names)


def trace_data(page: Page, instrument: str) -> list[dict[str, Any]]:
    """The traces that plotly drew for an instrument, as plain lists."""
    return page.evaluate(
        """name => {
            const list = v => v === undefined ? [] : Array.from(v._inputArray || v);
            const {plot} = cockpit.cards.get(name);
            return plot._fullData.map(t => ({type: t.type, x: list(t.x), y: list(t.y)}));
        }""",
        instrument,
    )


def query(page: Page) -> dict[str, list[str]]:
    """What the address of the page says."""
    return parse_qs(urlsplit(page.url).query)


def settled(page: Page) -> None:
    """Wait until the page has nothing more to ask for the present view."""
    page.wait_for_function(
        """() => [...cockpit.cards.values()].every(
            c => !c.present || !c.visible || c.token[0] !== "")"""
    )


def last_loss(page: Page) -> float:
    """The rightmost step that the loss panel has drawn."""
    return max(max(t["x"]) for t in trace_data(page, "loss") if t["x"])


def wait_drawn(page: Page, step: int, timeout_ms: int = 5000) -> None:
    """Wait until the loss panel shows a step."""
    page.wait_for_function(
        """step => cockpit.cards.get("loss").plot._fullData.some(
            t => t.x && Math.max(...(t.x._inputArray || t.x)) >= step)""",
        arg=step,
        timeout=timeout_ms,
    )
