"""A long look: a run that writes many records a second, pages that show it, and what that takes.

Each minute: memory of the server and of the browser, and how far the pages are behind the log.

python -m benchmarks.soak [--minutes 30] [--rate 50] [--pages 3] [--out benchmarks/results/soak.md]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil
from playwright.sync_api import Page, Playwright, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--window-size=1600,1000",
)
TAIL_BYTES = 1 << 20
SAMPLES = 20  # of the delay, each minute
SETTLED_AFTER_MIN = 5
FLAT = 0.1
SHOWN = """() => [Date.now() / 1000, Math.max(...cockpit.cards.get("loss").plot._fullData.flatMap(
    t => Array.from((t.x || [])._inputArray || t.x || []).filter(Number.isFinite)))]"""


@dataclass(frozen=True)
class Row:
    """One minute.

    Attributes:
        minute: Since the pages were opened.
        steps: In the log.
        log_mb: Its size.
        server_mb: Memory of the server, resident; the median of the samples, as while it answers it
            looks at parts of its file.
        browser_mb: Memory of all processes of the browser, resident.
        heap_mb: What the scripts of one page hold, after a collection; the largest.
        delay_s: Age of the oldest record that a page does not show yet, median.
        worst_s: The largest.
    """

    minute: int
    steps: int
    log_mb: float
    server_mb: float
    browser_mb: float
    heap_mb: float
    delay_s: float
    worst_s: float


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write; returns 1 if memory or delay did not stay."""
    chosen = parsed(arguments)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        writing(Path(folder), chosen.rate, chosen.minutes) as log,
        serving(folder) as server,
        sync_playwright() as driver,
        ExitStack() as stack,
    ):
        browsers = [stack.enter_context(browsing(server.url)) for _ in range(chosen.pages)]
        began = time.monotonic()
        for minute in range(1, chosen.minutes + 1):
            time.sleep(max(0.0, began + 60 * minute - time.monotonic()))
            rows.append(measured(minute, log, server.pid, driver, browsers))
            print(rows[-1], flush=True)
    text = report(rows, chosen.rate, chosen.pages)
    chosen.out.write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return 0 if all(holds for _, _, holds in judged(rows)) else 1


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=float, default=50.0, help="records a second")
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "soak.md")
    return parser.parse_args(arguments)


def executable() -> str:
    """Path of a browser."""
    named = os.environ.get("COCKPIT_CHROMIUM", "")
    for name in (named, *BROWSERS):
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("no Chromium found; run scripts/browser.sh, or set COCKPIT_CHROMIUM")


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@contextmanager
def writing(folder: Path, rate: float, minutes: int) -> Iterator[Path]:
    """A process that writes a run; the path of its log."""
    command = [sys.executable, "-m", "cockpit.synthetic", str(folder / "run"), "--live"]
    command += ["--rate", str(rate), "--seconds", str(60 * (minutes + 5))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as writer:
        log = folder / "run" / "log.jsonl"
        while not log.exists() or not log.stat().st_size:
            time.sleep(0.1)
        try:
            yield log
        finally:
            writer.kill()


@contextmanager
def serving(folder: str) -> Iterator[Server]:
    """A process that serves the page."""
    command = [sys.executable, "-m", "cockpit.dashboard", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        url = next(word for word in said.split() if word.startswith("http://"))
        try:
            yield Server(url, server.pid)
        finally:
            server.kill()


@contextmanager
def browsing(url: str) -> Iterator[str]:
    """A browser of its own that shows the page; where it can be asked.

    It is only asked once a minute: who stays connected makes it keep all answers of the server.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [executable(), *ARGUMENTS, "--remote-debugging-port=0", url]
        command += [f"--user-data-dir={profile}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet) as browser:
            told = Path(profile) / "DevToolsActivePort"
            while not told.exists() or not told.read_text().strip():
                time.sleep(0.1)
            try:
                yield f"http://127.0.0.1:{told.read_text().splitlines()[0]}"
            finally:
                browser.terminate()


@contextmanager
def page_of(driver: Playwright, browser: str) -> Iterator[Page]:
    """The page of a browser, connected for a moment."""
    connection = driver.chromium.connect_over_cdp(browser)
    try:
        page = connection.contexts[0].pages[0]
        page.wait_for_function("() => window.cockpit && cockpit.stats && cockpit.stats.drawn > 0")
        yield page
    finally:
        connection.close()


def measured(
    minute: int, log: Path, server: int, driver: Playwright, browsers: Sequence[str]
) -> Row:
    """Where things stand now."""
    processes = [p for p in psutil.Process().children(recursive=True) if "chrom" in p.name()]
    browser_mb = sum(p.memory_info().rss for p in processes) / 1e6
    delays, heaps, resident = [], [], []
    for browser in browsers:
        with page_of(driver, browser) as page:
            for _ in range(-(-SAMPLES // len(browsers))):
                page.wait_for_timeout(137)
                delays.append(delay(log, *page.evaluate(SHOWN)))
                resident.append(psutil.Process(server).memory_info().rss / 1e6)
            heaps.append(heap_mb(page))
    return Row(
        minute=minute,
        steps=records(log)[-1][0] + 1,
        log_mb=log.stat().st_size / 1e6,
        server_mb=statistics.median(resident),
        browser_mb=browser_mb,
        heap_mb=max(heaps),
        delay_s=statistics.median(delays),
        worst_s=max(delays),
    )


def delay(log: Path, now: float, shown: float) -> float:
    """Seconds since the first record was written that a page did not show at the time ``now``."""
    missing = [time for step, time in records(log) if step > shown and time <= now]
    return now - min(missing) if missing else 0.0


def records(log: Path) -> list[tuple[int, float]]:
    """The last steps of a log, and when they were written, unix seconds."""
    with log.open("rb") as file:
        began = json.loads(file.readline())["time"]
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().split(b"\n")[1:-1]
    found = [json.loads(line) for line in lines]
    return [(r["step"], began + r["time"]) for r in found if r["type"] == "step"]


def heap_mb(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return float(next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize")) / 1e6


def judged(rows: Sequence[Row]) -> list[tuple[str, str, bool]]:
    """What is to stay after the first minutes: its name, how it went, and whether it stayed."""
    later = [row for row in rows if row.minute >= SETTLED_AFTER_MIN]
    if len(later) < 2:
        return []
    found = []
    for name in ("server_mb", "browser_mb"):
        first, *others = (getattr(row, name) for row in later)
        how = f"{first:.3g} to at most {max(others):.3g} MB"
        found.append((name, how, max(others) <= (1 + FLAT) * first))
    # One minute's delay depends on where its samples fell between two polls.
    part = -(-len(later) // 3)
    first, last = (statistics.median(r.delay_s for r in p) for p in (later[:part], later[-part:]))
    how = f"{first:.3g} s in the first third, {last:.3g} s in the last"
    found.append(("delay_s", how, last <= (1 + FLAT) * first + 0.1))
    return found


def report(rows: Sequence[Row], rate: float, pages: int) -> str:
    """The table, and what it says."""
    names = [field.name.replace("_", " ") for field in fields(Row)]
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(f'{value:.4g}' for value in astuple(row))} |" for row in rows]
    said = [
        f"- {name.replace('_', ' ')}, from minute {SETTLED_AFTER_MIN} on: {how}: "
        f"{'stays' if holds else '**does not stay**'} (within {FLAT:.0%})"
        for name, how, holds in judged(rows)
    ]
    head = f"{rate:g} records a second, {pages} pages, {os.cpu_count()} cores."
    return "\n".join(["# A long look", "", head, "", *lines, "", *said]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
