"""Holds the lamps, and the baselines, against what was broken."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from benchmarks.faults.baselines import BASELINES, Alarm, Evidence
from benchmarks.faults.corpus import Run
from benchmarks.faults.harm import Harm, judge
from benchmarks.faults.injections import FAULTS, Fault
from benchmarks.faults.programs import PROGRAMS
from benchmarks.faults.records import (
    Keep,
    everything,
    read,
    without_curvature,
    without_individual,
)
from benchmarks.faults.runner import finished
from benchmarks.faults.sight import ALARMS, Sight, look
from cockpit.lamps import LEVELS

ABLATIONS: dict[str, Keep] = {
    "all": everything,
    "without individual gradients": without_individual,
    "without curvature": without_curvature,
}
SOON = 5  # tracked steps
EVERY_LEVEL = tuple(LEVELS)


@dataclass
class Scored:
    """A run, and what was said of it.

    Attributes:
        run: Which one.
        outcome: How it ended.
        harm: What became of it; None: it is healthy.
        sights: What the lamps said, by ablation.
        alarms: What the baselines said, by their names.
        tracked: Steps that were.
        steps: How many the run had.
    """

    run: Run
    outcome: dict[str, Any]
    harm: Harm | None
    sights: dict[str, Sight]
    alarms: dict[str, list[Alarm]]
    tracked: list[int]
    steps: int

    @property
    def fault(self) -> Fault | None:
        """What was broken."""
        return FAULTS[self.run.fault] if self.run.fault else None


@dataclass(frozen=True)
class Share:
    """How many of how many, with Wilson's interval of 95 %."""

    hits: int
    total: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Share:
        """Of yes and no."""
        found = list(answers)
        return cls(sum(found), len(found))

    @property
    def value(self) -> float:
        """0 to 1; NaN if there is nothing."""
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share is, in 95 % of such cases."""
        if not self.total:
            return 0.0, 1.0
        found = binomtest(self.hits, self.total).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = self.interval
        return f"{self.value:.0%} ({self.hits}/{self.total}; {low:.0%}–{high:.0%})"


@dataclass
class Row:
    """What became of a faulty run under one eye.

    Attributes:
        scored: The run.
        found: Whether there was any caution or warning (of a fault that may be meant: or its own
            advisory).
        first: What was named first.
        first_right: Whether that is accepted.
        root_right: Whether the cause was named, when the first lit or in the end.
        found_at: The first alarm, as a share of the run after the fault began.
        soon: Whether an accepted lamp lit within five tracked steps.
    """

    scored: Scored
    found: bool
    first: str | None
    first_right: bool
    root_right: bool
    found_at: float | None
    soon: bool


@dataclass
class Scores:
    """All of a split.

    Attributes:
        rows: Of faulty runs that count, by eye (ablation or baseline).
        healthy: Healthy runs.
        harmless: Faulty runs that did no harm.
        missing: Names of runs that are not trained yet.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    healthy: list[Scored] = field(default_factory=list)
    harmless: list[Scored] = field(default_factory=list)
    curved: list[Scored] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def score(
    runs: Sequence[Run], root: Path, watch: Callable[[Run], object] = lambda run: None
) -> Scores:
    """Replay all runs of a split that are finished."""
    scores = Scores()
    twins = healthy_ends(runs, root)
    for run in runs:
        watch(run)
        scored = replay(run, root, twins.get(run.program, []))
        if scored is None:
            scores.missing.append(run.name)
        elif run.tier != "economy":
            scores.curved.append(scored)
        elif scored.fault is None:
            scores.healthy.append(scored)
        elif scored.harm is not None and not scored.harm.harmful:
            scores.harmless.append(scored)
        else:
            _add(scores, scored)
    return scores


def _add(scores: Scores, scored: Scored) -> None:
    for name in ("all", "without individual gradients"):
        scores.rows.setdefault(name, []).append(row(scored, name))
    for name in BASELINES:
        scores.rows.setdefault(name, []).append(baseline_row(scored, name))


def healthy_ends(runs: Iterable[Run], root: Path) -> dict[str, list[dict[str, Any]]]:
    """How the healthy runs of each program ended."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if run.fault is None and run.tier == "economy":
            outcome = finished(run.folder(root))
            if outcome is not None:
                found.setdefault(run.program, []).append(outcome)
    return found


def replay(run: Run, root: Path, twins: Sequence[dict[str, Any]]) -> Scored | None:
    """What lamps and baselines say of a run; None if it is not finished."""
    folder = run.folder(root)
    outcome = finished(folder)
    if outcome is None or (run.fault and not twins):
        return None
    log = read(folder)
    kept = ("all", "without curvature") if run.tier != "economy" else tuple(ABLATIONS)[:2]
    steps = log.header["planned_steps"] or PROGRAMS[run.program].steps
    task = PROGRAMS[run.program].task
    evidence = Evidence.of(folder, outcome, images=task.kind == "images", planned=steps)
    return Scored(
        run,
        outcome,
        judge(FAULTS[run.fault], outcome, twins) if run.fault else None,
        {name: look(log, ABLATIONS[name]) for name in kept},
        {name: alarms(evidence) for name, (alarms, _) in BASELINES.items()},
        log.tracked,
        steps,
    )


def row(scored: Scored, eye: str) -> Row:
    """What the lamps made of a faulty run."""
    fault, sight = scored.fault, scored.sights[eye]
    assert fault is not None
    levels = EVERY_LEVEL if fault.advisory else ALARMS
    named = sight.step_of(fault.accepted, levels)
    first, step = sight.first, sight.first_step
    if first is None and fault.advisory and named is not None:
        first, step = next(lamp for _, lamp, _ in sight.lit if lamp in fault.accepted), named
    causes = {first, *sight.causes[-1:]}
    return Row(
        scored,
        step is not None,
        first,
        first in fault.accepted,
        fault.root in causes,
        _share(scored, step),
        _is_soon(scored, named),
    )


def baseline_row(scored: Scored, name: str) -> Row:
    """What a baseline made of it: right is a rule that says what an accepted lamp says."""
    fault, means = scored.fault, BASELINES[name][1]
    assert fault is not None
    found = scored.alarms[name]
    first = found[0] if found else None
    return Row(
        scored,
        first is not None,
        first.rule if first else None,
        first is not None and bool(means[first.rule] & fault.accepted),
        any(fault.root in means[alarm.rule] for alarm in found),
        _share(scored, first.step if first else None),
        False,
    )


def _share(scored: Scored, step: int | None) -> float | None:
    """Of the run that passed since the fault began."""
    assert scored.fault is not None
    if step is None:
        return None
    return max(0.0, step / scored.steps - scored.fault.onset)


def _is_soon(scored: Scored, step: int | None) -> bool:
    assert scored.fault is not None
    begin = scored.fault.onset * scored.steps
    first = [s for s in scored.tracked if s >= int(begin)][:SOON]
    return step is not None and bool(first) and step <= first[-1]


def median(values: Iterable[float | None]) -> float:
    """Of those that are known; NaN if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else float("nan")
