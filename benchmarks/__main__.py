"""All measurements: tables and pictures in benchmarks/results.

python -m benchmarks [--full] [--only MLP 2c2d] [--parts quantities intervals memory …]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks import eigenvalue, intervals, log, memory, plots, quantities, tables
from benchmarks.loop import FULL, SHORT, TINY, Effort, Loop
from benchmarks.networks import WORKLOADS
from cockpit.backward.loops import COMPILED

PARTS = ("quantities", "intervals", "memory", "eigenvalue", "log")
EFFORTS = {effort.name: effort for effort in (SHORT, FULL, TINY)}
RECORDS = {SHORT: 20_000, FULL: 100_000, TINY: 50}  # of the log that is loaded
Results = dict[str, list[dict[str, Any]]]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    chosen = parsed(arguments)
    torch.set_num_threads(chosen.threads)
    effort = EFFORTS["full" if chosen.full else chosen.effort]
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    results: Results = {part: [] for part in PARTS if part in chosen.parts}
    seconds = dict.fromkeys(("warm-up", *results), 0.0)
    about = described(effort, chosen.threads, chosen.only) | {"seconds": seconds}
    texts: dict[str, str] = {}
    if "log" in results:
        with timed("the log", "log", seconds):
            results["log"].append(log.measure(RECORDS[effort]))
    for device in devices:
        for name in chosen.only:
            measure(name, device, effort, chosen.threads, results, seconds)
            texts = write(results, about, chosen.out)  # so that nothing is lost if it is ended
    for part, text in texts.items():
        print(f"\n{part}\n\n{text}")
    spent = ", ".join(f"{part} {value:.0f} s" for part, value in seconds.items())
    print(f"{tables.conditions(about)}\nWritten to {chosen.out}/; {spent}")


def measure(
    name: str,
    device: str,
    effort: Effort,
    threads: int,
    results: Results,
    seconds: dict[str, float],
) -> None:
    """All parts for one network."""
    if results.keys() & {"quantities", "intervals"}:
        with timed(name, "warm-up", seconds):
            loop = Loop(WORKLOADS[name], device, effort.warm_up)
        for part, module in (("quantities", quantities), ("intervals", intervals)):
            if part in results:
                with timed(name, part, seconds):
                    results[part] += module.measure(name, loop, effort)
    if "memory" in results:
        with timed(name, "memory", seconds):
            results["memory"] += memory.measure(name, device, effort, threads)
    if "eigenvalue" in results and name not in effort.skips:
        with timed(name, "eigenvalue", seconds):
            results["eigenvalue"].append(eigenvalue.measure(name, device, effort))


@contextmanager
def timed(what: str, part: str, seconds: dict[str, float]) -> Iterator[None]:
    """Say what is measured, and how long it took."""
    print(f"{what}: {part} … ", end="", flush=True)
    began = time.perf_counter()
    yield
    spent = time.perf_counter() - began
    seconds[part] += spent
    print(f"{spent:.0f} s", flush=True)


def described(effort: Effort, threads: int, names: list[str]) -> dict[str, Any]:
    """Where and how it was measured."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "torch": torch.__version__,
        "compiled kernels": "numba" if COMPILED else "none",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "GPU": gpu,
        "effort": effort.name,
        "networks": {
            name: {"batch size": w.batch_size, "data": w.data, "lr": w.lr}
            for name in names
            for w in [WORKLOADS[name]]
        },
    }


def write(results: Results, about: dict[str, Any], folder: Path) -> dict[str, str]:
    """A JSON file, a table and a picture for each part, and the summary; returns the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {part: getattr(tables, part)(rows) for part, rows in results.items()}
    if "intervals" in results:
        texts["summary"] = tables.summary(results["intervals"], results.get("memory", []))
    for part, rows in results.items():
        content = {"about": about, "rows": rows}
        (folder / f"{part}.json").write_text(json.dumps(content, indent=1) + "\n")
        if part != "log":
            getattr(plots, part)(rows).savefig(folder / f"{part}.png", dpi=140)
    for part, text in texts.items():
        (folder / f"{part}.md").write_text(f"{text}\n{tables.conditions(about)}")
    return texts


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--full", action="store_true", help="longer, for steady figures")
    parser.add_argument("--effort", choices=EFFORTS, default=SHORT.name, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=2, help="of torch on the CPU")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
