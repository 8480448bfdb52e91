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
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
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
        server_mb: Memory of the server, resident.
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
    ):
        browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        pages = [opened(browser, server.url) for _ in range(chosen.pages)]
        began = time.monotonic()
        for minute in range(1, chosen.minutes + 1):
            pages[0].wait_for_timeout(1000 * max(0.0, began + 60 * minute - time.monotonic()))
            rows.append(measured(minute, log, server.pid, pages))
            print(rows[-1], flush=True)
        browser.close()
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


def opened(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
    page.goto(url)
    page.wait_for_function("() => window.cockpit && cockpit.stats && cockpit.stats.drawn > 0")
    return page


def measured(minute: int, log: Path, server: int, pages: Sequence[Page]) -> Row:
    """Where things stand now."""
    delays = []
    for i in range(SAMPLES):
        page = pages[i % len(pages)]
        page.wait_for_timeout(137)
        delays.append(delay(log, *page.evaluate(SHOWN)))
    main_process = psutil.Process(server)
    browsers = [p for p in psutil.Process().children(recursive=True) if "chrom" in p.name()]
    return Row(
        minute=minute,
        steps=records(log)[-1][0] + 1,
        log_mb=log.stat().st_size / 1e6,
        server_mb=main_process.memory_info().rss / 1e6,
        browser_mb=sum(p.memory_info().rss for p in browsers) / 1e6,
        heap_mb=max(map(heap_mb, pages)),
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
    for name, unit in (("server_mb", "MB"), ("browser_mb", "MB"), ("delay_s", "s")):
        values = [getattr(row, name) for row in later]
        first, most = values[0], max(values[1:])
        # A delay is told by single polls: a tenth of a second more is none.
        holds = most <= (1 + FLAT) * first + (0.1 if unit == "s" else 0.0)
        found.append((name, f"{first:.3g} to at most {most:.3g} {unit}", holds))
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
