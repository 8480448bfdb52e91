"""How much memory a step takes at most, and whether tracked steps leave any behind (figure C.5).

Each configuration runs in a process of its own. On the CPU the resident memory of the whole process
counts, on a GPU what torch has allocated there. Kernels that are compiled in such a process would
count as well: run another part before this one on a new installation.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.loop import Effort, Loop
from benchmarks.networks import WORKLOADS

PLAIN = "plain"
LIMITS = {"economy": 1.5, "full": 2.5}  # of the peak, relative to plain training
LEAST, MOST = 6, 400  # steps
PERIOD = 0.002  # seconds between two looks at the memory
CURVE = 2  # steps that the curve shows
MB = 1e6


def measure(name: str, device: str, effort: Effort, threads: int) -> list[dict[str, Any]]:
    """A row for each configuration, and one for plain training."""
    context = _fresh_processes()
    rows = []
    for configuration in (PLAIN, *effort.memory):
        with context.Pool(1) as pool:
            row = pool.apply(observe, (name, device, configuration, effort, threads))
        first = rows[0] if rows else row
        row["ratio"] = row["peak_mb"] / first["peak_mb"]
        row["ratio_above_base"] = row["above_base_mb"] / max(first["above_base_mb"], 1.0)
        row["limit"] = LIMITS.get(configuration)
        rows.append(row)
    return rows


def _fresh_processes() -> multiprocessing.context.BaseContext:
    """Where processes begin that have done nothing yet; imports are made once for all of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def observe(
    name: str, device: str, configuration: str, effort: Effort, threads: int
) -> dict[str, Any]:
    """Peak, growth and course of the memory in this process."""
    torch.set_num_threads(threads)
    loop, watch = Loop(WORKLOADS[name], device, 0), Watch(device)
    base = watch.now()
    starts: list[float] = []  # of the steps
    after: list[int] = []  # what was held then
    with tempfile.TemporaryDirectory() as folder, watch.running():
        tracked = configuration != PLAIN
        cockpit = loop.cockpit(configuration, Path(folder)) if tracked else None
        while len(after) < LEAST or (
            len(after) < MOST and time.perf_counter() - starts[0] < effort.run
        ):
            starts.append(time.perf_counter())
            loop.step(cockpit, len(after))
            after.append(watch.now())
        if cockpit is not None:
            cockpit.close()
    quarter = len(after) // 4
    early, late = after[quarter : 2 * quarter], after[-quarter:]
    start = starts[-CURVE]
    curve = [(1e3 * (t - start), size / MB) for t, size in watch.seen if t >= start]
    return {
        "network": name,
        "device": device,
        "configuration": configuration,
        "steps": len(after),
        "base_mb": base / MB,
        "peak_mb": watch.peak() / MB,
        "above_base_mb": (watch.peak() - base) / MB,
        "growth_mb": (statistics.median(late) - statistics.median(early)) / MB,
        "growth_steps": len(after) - 2 * quarter,
        "curve": curve[:: max(1, len(curve) // 200)],
    }


class Watch:
    """Looks at the memory of this process, or of the device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seen: list[tuple[float, int]] = []
        self._process = psutil.Process()
        self._exact = _reset_peak()

    def now(self) -> int:
        """Bytes that are held."""
        if self.device == "cuda":
            return torch.cuda.memory_allocated()
        return self._process.memory_info().rss

    def peak(self) -> int:
        """The most that was held: as the system says, or else as far as it was seen."""
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        seen = max(size for _, size in self.seen)
        return max(seen, _peak()) if self._exact else seen

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look every few milliseconds."""
        done = threading.Event()

        def look() -> None:
            while not done.wait(PERIOD):
                self.seen.append((time.perf_counter(), self.now()))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self.seen.append((time.perf_counter(), self.now()))


def _reset_peak() -> bool:
    """Let Linux forget the peak so far; whether it did."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak() -> int:
    """The peak of the resident memory since then, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
