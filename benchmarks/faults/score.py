"""Holds the lamps, and the baselines, against what was broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.faults.baselines import BASELINES, Alarm, Evidence
from benchmarks.faults.corpus import Run
from benchmarks.faults.harm import Harm, healthy_ends, judge
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

ABLATIONS: dict[str, Keep] = {
    "all": everything,
    "without individual gradients": without_individual,
    "without curvature": without_curvature,
}
SOON = 5  # tracked steps
MISSED = 1.0  # the whole run


def begin_of(run: Run, steps: int) -> int:
    """The step at which a run's fault begins."""
    return int(FAULTS[run.fault].onset * steps) if run.fault else 0


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

    @property
    def begin(self) -> int:
        """The step at which the fault began; what was said before is false."""
        return begin_of(self.run, self.steps)


@dataclass(frozen=True)
class Named:
    """An eye gave alarm.

    Attributes:
        step: When.
        title: The lamp or rule.
        means: The lamps that it is, or that say the same.
    """

    step: int
    title: str
    means: frozenset[str]


@dataclass(frozen=True)
class Said:
    """What an eye (lamps, or a baseline) said of a run.

    Attributes:
        alarms: All of them, in order.
        first: Of the alarms that came first, the one that stood for them.
        last: What it held for the cause last.
    """

    alarms: list[Named]
    first: Named | None
    last: Named | None

    def step_of(self, begin: int, lamp: frozenset[str] | None = None) -> int | None:
        """The first alarm from this step on; one that means any of these lamps."""
        return next(
            (a.step for a in self.alarms if a.step >= begin and (lamp is None or a.means & lamp)),
            None,
        )


@dataclass
class Row:
    """What became of a faulty run under one eye; advisories count for nothing.

    Attributes:
        scored: The run.
        found: Whether there was any alarm after the fault began, right or not.
        accepted: Whether there was one of an accepted lamp.
        first: What was named first.
        first_right: Whether that is accepted, and came after the fault began.
        root_right: Whether it is the root.
        root_last: Whether the root was named in the end.
        root_ever: Whether it was among all that was named.
        found_at: The first alarm, as a share of the run after the fault began; 1 if there is none.
        accepted_at: The same of the first alarm of an accepted lamp.
        soon: Whether that came within five tracked steps.
    """

    scored: Scored
    found: bool
    accepted: bool
    first: str | None
    first_right: bool
    root_right: bool
    root_last: bool
    root_ever: bool
    found_at: float
    accepted_at: float
    soon: bool

    @property
    def fault(self) -> Fault:
        """What was broken."""
        fault = self.scored.fault
        assert fault is not None
        return fault


@dataclass
class Scores:
    """All of a split.

    Attributes:
        rows: Of harmful faulty runs, by eye (ablation or baseline).
        healthy: Healthy runs.
        harmless: Faulty runs that did no harm.
        curved: Runs with curvature as well; they count in their ablation only.
        missing: Names of runs that are not trained yet, or were by another recipe.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    healthy: list[Scored] = field(default_factory=list)
    harmless: list[Scored] = field(default_factory=list)
    curved: list[Scored] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def counted(self, eye: str = "all") -> list[Row]:
        """Rows of faults whose right lamp is a caution or warning."""
        return [row for row in self.rows.get(eye, []) if not row.fault.advisory]

    @property
    def quiet(self) -> list[Scored]:
        """Runs without harm, of the same faults."""
        return [one for one in self.harmless if one.fault and not one.fault.advisory]


def score(
    runs: Sequence[Run],
    root: Path,
    watch: Callable[[Run], object] = lambda run: None,
    jobs: int = 1,
) -> Scores:
    """Replay all runs of a split that are finished, in so many processes.

    Raises:
        BrokenTwinError: If a healthy run is missing, or ended by an error.
    """
    scores = Scores()
    twins = healthy_ends(runs, root)
    for run, scored in _replayed(runs, root, twins, jobs):
        watch(run)
        if scored is None:
            scores.missing.append(run.name)
        elif run.tier != "economy":
            scores.curved.append(scored)
        elif scored.fault is None:
            scores.healthy.append(scored)
        elif scored.harm is not None and not scored.harm.harmful:
            scores.harmless.append(scored)
        else:
            for eye in ("all", "without individual gradients", *BASELINES):
                scores.rows.setdefault(eye, []).append(judged(scored, eye))
    return scores


Ends = dict[str, list[dict[str, Any]]]


def _replayed(
    runs: Sequence[Run], root: Path, twins: Ends, jobs: int
) -> Iterator[tuple[Run, Scored | None]]:
    one = partial(replay, root=root, twins=twins)
    if jobs <= 1:
        yield from zip(runs, map(one, runs), strict=True)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from zip(runs, pool.map(one, runs, chunksize=8), strict=True)


def ended(run: Run, root: Path) -> dict[str, Any] | None:
    """How a run of this recipe ended; None if it is not trained, or was by another one."""
    return finished(run.folder(root), json.loads(json.dumps(run.recipe())))


def replay(run: Run, root: Path, twins: Ends) -> Scored | None:
    """What lamps and baselines say of a run; None if it is not finished."""
    folder, outcome, others = run.folder(root), ended(run, root), twins.get(run.program)
    if outcome is None or (run.fault and not others):
        return None
    log = read(folder)
    kept = ("all", "without curvature") if run.tier != "economy" else tuple(ABLATIONS)[:2]
    steps = log.header["planned_steps"] or PROGRAMS[run.program].steps
    images = PROGRAMS[run.program].task.kind == "images"
    evidence = Evidence.of(
        folder, outcome, images=images, planned=steps, begin=begin_of(run, steps)
    )
    return Scored(
        run,
        outcome,
        judge(FAULTS[run.fault], outcome, others or []) if run.fault else None,
        {name: look(log, ABLATIONS[name]) for name in kept},
        {name: alarms(evidence) for name, (alarms, _) in BASELINES.items()},
        log.tracked,
        steps,
    )


def said(scored: Scored, eye: str) -> Said:
    """What an eye said, in the same terms for all of them."""
    if eye in BASELINES:
        means = BASELINES[eye][1]
        found = [Named(a.step, a.rule, means[a.rule]) for a in scored.alarms[eye]]
        return Said(found, found[0] if found else None, found[-1] if found else None)
    sight = scored.sights[eye]
    found = [_lamp(one.step, one.lamp) for one in sight.lit if one.level in ALARMS]
    if sight.first is None or sight.first_step is None:
        return Said(found, None, None)
    last = _lamp(found[-1].step, sight.causes[-1])
    return Said(found, _lamp(sight.first_step, sight.first), last)


def _lamp(step: int, name: str) -> Named:
    return Named(step, name, frozenset({name}))


def judged(scored: Scored, eye: str) -> Row:
    """What an eye made of a faulty run."""
    fault, words, begin = scored.fault, said(scored, eye), scored.begin
    assert fault is not None
    step, right = words.step_of(begin), words.step_of(begin, fault.accepted)
    first = words.first.means if words.first and words.first.step >= begin else frozenset()
    return Row(
        scored,
        found=step is not None,
        accepted=right is not None,
        first=words.first.title if words.first else None,
        first_right=bool(first & fault.accepted),
        root_right=fault.root in first,
        root_last=words.last is not None and fault.root in words.last.means,
        root_ever=words.step_of(begin, frozenset({fault.root})) is not None,
        found_at=_share(scored, step),
        accepted_at=_share(scored, right),
        soon=_is_soon(scored, right),
    )


def _share(scored: Scored, step: int | None) -> float:
    """Of the run that passed since the fault began."""
    return MISSED if step is None else (step - scored.begin) / scored.steps


def _is_soon(scored: Scored, step: int | None) -> bool:
    first = [s for s in scored.tracked if s >= scored.begin][:SOON]
    return step is not None and bool(first) and step <= first[-1]
