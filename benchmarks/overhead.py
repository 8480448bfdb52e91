"""What tracking costs in time and memory, as ratios to the plain training step.

Plain and tracked steps take turns in one process, on the same model and the same batches, so that
the machine's mood cancels out; the medians over the rounds are compared. A plain step is zero_grad,
forward, loss, backward, optimizer step. Peak memory is taken in a process of its own for each
configuration, less what the process holds before training.

    python -m benchmarks.overhead [--problems 3c3d mlp] [--rounds 15] [--out benchmarks/results]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import statistics
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import torch

from cockpit import Cockpit
from cockpit.problems import get
from cockpit.problems.data import Batches, load
from cockpit.problems.problem import Problem
from cockpit.schedules import never

CONFIGURATIONS = ("economy", "business", "full")
IDLE = "attached, not tracked"
PROBLEMS = ("3c3d", "2c2d", "mlp", "logistic-regression")
WARM_UP = 100  # plain steps before anything is timed: gradients of a fresh network are special


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        problem: Name of the test problem.
        configuration: What was tracked at each step.
        plain_ms: Median time of a plain step.
        ratio: Median time of a tracked step over that of a plain one.
        low: First quartile of the rounds' own ratios.
        high: Third quartile.
        memory: Peak memory over that of plain training.
    """

    problem: str
    configuration: str
    plain_ms: float
    ratio: float
    low: float
    high: float
    memory: float | None


class Loop:
    """A training loop that can be advanced with and without a cockpit."""

    def __init__(self, problem: Problem, warm_up: int) -> None:
        self.model, self.loss_fn = problem.model(0), problem.loss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=problem.lr)
        images = load("fashion-mnist", fallback=True)
        self._batches = self._forever(Batches(images.train, 128, shape=problem.input_shape))
        self._steps = count()
        for _ in range(warm_up):
            self.step(None)

    @staticmethod
    def _forever(batches: Batches) -> Any:
        while True:
            for _, x, y in batches.take(100):
                yield x, y

    def step(self, cockpit: Cockpit | None) -> float:
        """Make a step; its seconds, without loading the batch."""
        x, y = next(self._batches)
        began = time.perf_counter()
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), y)
        if cockpit is None:
            loss.backward()
        else:
            with cockpit(next(self._steps)):
                loss.backward()
        self.optimizer.step()
        return time.perf_counter() - began

    def cockpit(self, configuration: str, folder: Path) -> Cockpit:
        """A cockpit around this loop."""
        config = configuration if configuration in CONFIGURATIONS else "economy"
        made = Cockpit(self.model, self.loss_fn, self.optimizer, config, folder, strict=True)
        if configuration == IDLE:
            for quantity in made._tracker.quantities:
                quantity.schedule = never
        return made


def time_ratio(problem: Problem, configuration: str, rounds: int) -> tuple[float, list[float]]:
    """Median plain seconds, and the ratio of tracked to plain time in each round."""
    loop = Loop(problem, WARM_UP)
    plain, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            without = statistics.median(loop.step(None) for _ in range(4))
            with loop.cockpit(configuration, Path(folder) / str(number)) as cockpit:
                loop.step(cockpit)
                tracked = statistics.median(loop.step(cockpit) for _ in range(3))
            plain.append(without)
            ratios.append(tracked / without)
    return statistics.median(plain), ratios


def peak_memory(name: str, configuration: str | None) -> float:
    """Peak of the resident memory over 12 steps, in MB above what was held before."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak_memory, (name, configuration))


def _peak_memory(name: str, configuration: str | None) -> float:
    loop = Loop(get(name), 0)
    process, peak, done = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder:
        cockpit = None if configuration is None else loop.cockpit(configuration, Path(folder) / "r")
        for _ in range(12):
            loop.step(cockpit)
        if cockpit is not None:
            cockpit.close()
    done.set()
    watcher.join()
    return (peak - before) / 1e6


def measure(names: list[str], rounds: int) -> list[Row]:
    """All rows of the table."""
    rows = []
    for name in names:
        plain_memory = peak_memory(name, None)
        for configuration in (*CONFIGURATIONS, IDLE):
            seconds, ratios = time_ratio(get(name), configuration, rounds)
            low, middle, high = statistics.quantiles(ratios, n=4)
            memory = peak_memory(name, configuration) / plain_memory
            rows.append(Row(name, configuration, 1e3 * seconds, middle, low, high, memory))
            print(rows[-1], flush=True)
    return rows


def markdown(rows: list[Row]) -> str:
    """The table as the README shows it."""
    lines = [
        "| problem (N = 128) | plain step | at each step | time | quartiles | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.problem} | {r.plain_ms:.1f} ms | {r.configuration} | {r.ratio:.2f} × | "
        f"{r.low:.2f}–{r.high:.2f} | {r.memory:.2f} × |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write ``overhead.json`` and ``overhead.md``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    rows = measure(chosen.problems, chosen.rounds)
    machine = {
        "torch": torch.__version__,
        "threads": chosen.threads,
        "processor": platform.processor() or platform.machine(),
    }
    chosen.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine, "rows": [asdict(r) for r in rows]}, indent=1)
    (chosen.out / "overhead.json").write_text(text + "\n")
    (chosen.out / "overhead.md").write_text(markdown(rows))
    print(markdown(rows))


if __name__ == "__main__":
    main()
