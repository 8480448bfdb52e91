"""Which runs there are: each healthy program with several seeds, and each fault in some of them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.faults.injections import FAULTS, Fault
from benchmarks.faults.programs import PROGRAMS, Program, Split
from benchmarks.faults.setup import Setup
from cockpit.quantities.base import Tier

HEALTHY_SEEDS = 10  # of each program, in both splits: harm is judged beside as many twins
FIRST_SEED = {"setting": 0, "held_out": 100}
RUNS = {"exact": 4, "statistical": 8}  # of a fault: what is found by its traces is a matter of luck
CURVED = 4  # runs of a fault with curvature
SEED_OF_FAULTS = 50
VERSION = 2  # of the corpus: another one, and all runs are made anew
HERE = Path(__file__).parent
SOURCES = (
    *(
        source
        for folder in ("injections", "networks", "tasks")
        for source in sorted((HERE / folder).glob("*.py"))
    ),
    *(HERE / f"{name}.py" for name in ("loop", "measures", "schedules", "setup")),
    *sorted((HERE.parents[1] / "cockpit" / "backward" / "facts").glob("*.py")),
)
"""What a run's course and its log depend on besides its program: other code, another recipe."""

CURVED_FAULTS = (
    "learning_rate_too_large-x10",
    "learning_rate_too_large-x30",
    "learning_rate_too_small-/100",
    "oscillation",
    "never_annealed",
    "momentum_too_high-0.995",
    "summed_loss",
    "deep_sigmoid-6",
    "batch_too_small-2",
    "noisy_labels-60%",
)
"""Faults for which there are runs with curvature as well."""


@dataclass(frozen=True)
class Run:
    """One of them.

    Attributes:
        program: Its name.
        fault: Its name; None: a healthy run.
        seed: Of weights, order of the data, and all random numbers.
        tier: What is tracked.
    """

    program: str
    fault: str | None
    seed: int
    tier: Tier = "economy"

    @property
    def name(self) -> str:
        """Of its folder."""
        fault = (self.fault or "healthy").replace("/", "d").replace(":", "to").replace(" ", "_")
        return f"{self.program}/{fault}/{self.tier}-{self.seed}"

    @property
    def split(self) -> Split:
        """What it may be used for."""
        return PROGRAMS[self.program].split

    def setup(self) -> Setup:
        """Ready to be trained."""
        made = Setup.of(PROGRAMS[self.program], self.seed)
        if self.fault is not None:
            FAULTS[self.fault].inject(made)
        return made

    def recipe(self) -> dict[str, Any]:
        """All that decides its course, as JSON takes it."""
        return {
            "version": VERSION,
            "sources": fingerprint(),
            "program": PROGRAMS[self.program].describe(),
            "fault": self.fault,
            "seed": self.seed,
            "tier": self.tier,
        }

    def folder(self, root: Path) -> Path:
        """Where it is kept."""
        return root / self.name


@cache
def fingerprint() -> str:
    """A short hash of the sources that runs are made by, as they were at the first call."""
    found = hashlib.sha256()
    for source in SOURCES:
        found.update(f"{source.name}\n".encode() + source.read_bytes())
    return found.hexdigest()[:12]


def programs(split: Split) -> list[Program]:
    """Those of a split."""
    return [program for program in PROGRAMS.values() if program.split == split]


def chosen(fault: Fault, split: Split) -> list[Program]:
    """The programs that get a fault: drawn by the names, so that they do not change.

    Where too few can have it, they come again, to be trained with another seed.
    """
    able = [program for program in programs(split) if fault.applies(program)]
    drawn = sorted(able, key=lambda program: _draw(fault.name, program.name))
    return list(itertools.islice(itertools.cycle(drawn), RUNS[fault.nature]))


def _draw(*names: str) -> str:
    return hashlib.sha256("/".join(names).encode()).hexdigest()


def twins(program: Program) -> list[Run]:
    """Its healthy runs."""
    first = FIRST_SEED[program.split]
    return [Run(program.name, None, first + seed) for seed in range(HEALTHY_SEEDS)]


def runs(split: Split) -> list[Run]:
    """All runs of a split."""
    healthy = [run for program in programs(split) for run in twins(program)]
    faulty = [
        Run(program.name, fault.name, SEED_OF_FAULTS + number)
        for fault in FAULTS.values()
        for number, program in enumerate(chosen(fault, split))
    ]
    return [*healthy, *faulty, *curved(split)]


def curved(split: Split) -> list[Run]:
    """Runs with curvature: those that the ablation compares."""
    found = [
        Run(program.name, name, SEED_OF_FAULTS + number, "full")
        for name in CURVED_FAULTS
        for number, program in enumerate(chosen(FAULTS[name], split)[:CURVED])
    ]
    twins = dict.fromkeys(run.program for run in found)
    return [*found, *(Run(name, None, FIRST_SEED[split], "full") for name in twins)]


def selected(
    splits: Iterable[Split], names: Iterable[str] = (), faults: Iterable[str] = ()
) -> list[Run]:
    """Runs of these splits; of these programs and faults (by kind or name) if any are given."""
    names, faults = set(names), set(faults)
    return [
        run
        for split in splits
        for run in runs(split)
        if (not names or run.program in names) and (not faults or _titles(run) & faults)
    ]


def _titles(run: Run) -> set[str]:
    return {run.fault, FAULTS[run.fault].kind} if run.fault else {"healthy"}
