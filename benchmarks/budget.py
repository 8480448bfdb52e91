"""Whether a budget holds: two minutes of training, the share of tracking in any minute of them.

Two figures for each run: what the cockpit itself says, and what a stopwatch outside it says: the
time of all steps over that of as many plain ones, which were timed before and after the run.

python -m benchmarks.budget [--only MLP 3c3d] [--shares 0.05 0.1 0.5] [--seconds 120] [--out …]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.loop import Loop
from benchmarks.networks import WORKLOADS
from cockpit import Cockpit, RunLog
from cockpit.configuration import Tier

WINDOW = 60.0


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        steps: Made in it.
        tracked: How many of them have a record.
        overhead: Of the whole run, as ``cockpit.overhead`` says.
        worst_minute: The largest of any window of a minute.
        outside: Of the whole run, by a stopwatch outside of the cockpit.
    """

    network: str
    configuration: str
    share: float
    steps: int
    tracked: int
    overhead: float
    worst_minute: float
    outside: float


def measure(name: str, configuration: Tier, share: float, seconds: float) -> Row:
    """Train for so long."""
    loop = Loop(WORKLOADS[name], "cpu", 100)
    before = [loop.step() for _ in range(50)]
    with tempfile.TemporaryDirectory() as folder:
        cockpit = Cockpit(
            loop.model, loop.loss_fn, loop.optimizer, configuration, folder, budget=share
        )
        began, durations, marks = time.perf_counter(), [], []
        while (now := time.perf_counter() - began) < seconds:
            marks.append((now, cockpit.overhead, now / (1 + cockpit.overhead)))
            durations.append(loop.step(cockpit, len(durations)))
        overhead = cockpit.overhead
        cockpit.close()
        tracked = len(RunLog(folder).series("Loss"))
    plain = statistics.mean([*before, *(loop.step() for _ in range(50))])
    outside = sum(durations) / (len(durations) * plain) - 1
    return Row(
        name, configuration, share, len(durations), tracked, overhead, _worst(marks), outside
    )


def _worst(marks: list[tuple[float, float, float]]) -> float:
    """Largest share in a window, from times, overheads so far and training seconds so far."""
    worst, first = 0.0, 0
    for now, overhead, training in marks:
        while now - marks[first + 1][0] > WINDOW:
            first += 1
        then, share, trained = marks[first]
        if now - then > 0.9 * WINDOW:
            worst = max(worst, (overhead * training - share * trained) / (training - trained))
    return worst


def table(rows: list[Row]) -> str:
    """As Markdown."""
    head = "| network | tracked | budget | whole run | worst minute | from outside | records |"
    lines = [
        f"| {r.network} | {r.configuration} | {r.share:.0%} | {r.overhead:.1%} | "
        f"{r.worst_minute:.1%} | {r.outside:.1%} | {r.tracked} of {r.steps} steps |"
        for r in rows
    ]
    return "\n".join([head, "|" + " --- |" * 7, *lines]) + "\n"


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=["MLP", "3c3d"])
    parser.add_argument("--shares", nargs="+", type=float, default=[0.05, 0.1, 0.5])
    parser.add_argument("--configuration", default="economy")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = []
    for name in chosen.only:
        for share in chosen.shares:
            rows.append(measure(name, chosen.configuration, share, chosen.seconds))
            print(rows[-1], flush=True)
    chosen.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in rows], indent=1)
    (chosen.out / "budget.json").write_text(text + "\n")
    (chosen.out / "budget.md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
