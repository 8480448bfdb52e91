"""Check 2: what a refresh of a long run costs the wire and the browser."""

from __future__ import annotations

import gzip
import json
import statistics
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.dashboard.conftest import Open, Serve, settled
from tests.ux.conftest import STRICT, Note
from tests.ux.long_log import append_steps, wait_read, write_long_log

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STEPS = 100_000 if STRICT else 20_000
REFRESHES = 8 if STRICT else 3
PANELS = 12
LINE_PANELS = ("grad_norm", "loss", "mean_gsnr", "tic", "cabs", "early_stopping", "learning_rate")


def answer_of(url: str) -> dict[str, str]:
    """The JSON of each panel that the server sends to a page that has nothing."""
    body = json.dumps({"run": "long"}).encode()
    request = urllib.request.Request(f"{url}poll", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        panels = json.load(reply)["panels"]
    return {name: json.dumps(p) for name, p in panels.items() if p["panel"] is not None}


def zipped_kb(texts: list[str]) -> float:
    """Their size on the wire (the answer as a whole is zipped)."""
    return len(gzip.compress("".join(texts).encode(), compresslevel=1)) / 1e3


def drawing_ms(page: Page, run: Path) -> dict[str, list[float]]:
    """Milliseconds that the browser took to draw each panel, for each of several refreshes."""
    for _ in range(REFRESHES):
        page.evaluate("() => { cockpit.timings.length = 0; }")
        step = append_steps(run, 1)
        page.wait_for_function("s => document.title.endsWith(s)", arg=f"{step:,}")
        settled(page)
        yield page.evaluate("() => cockpit.timings.slice()")


def test_check_02_a_refresh_is_cheap(
    tmp_path: Path, serve: Serve, open_page: Open, figure: Note
) -> None:
    run = write_long_log(tmp_path / "long", STEPS)
    url = serve(tmp_path)
    page = open_page(url, viewport={"width": 1900, "height": 1400})
    wait_read(page)
    sent = answer_of(url)
    assert len(sent) == PANELS
    largest = max(zipped_kb([sent[name]]) for name in LINE_PANELS)
    figure("largest line panel", largest, "kB", 45, timed=False)
    figure("twelve panels", zipped_kb(list(sent.values())), "kB", 150, timed=False)
    rounds = list(drawing_ms(page, run))
    assert min(len(timings) for timings in rounds) == PANELS
    figure("line panel", max(map(statistics.median, zip(*rounds, strict=True))), "ms", 80)
    figure("twelve panels", statistics.median(map(sum, rounds)), "ms", 250)
