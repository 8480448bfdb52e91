"""The scores as Markdown and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.faults.about import described
from benchmarks.faults.baselines import BASELINES
from benchmarks.faults.corpus import Run
from benchmarks.faults.headline import (
    Cells,
    advisories,
    asked,
    false_alarms,
    markdown,
    of_nature,
    over_kinds,
    parts,
)
from benchmarks.faults.programs import PROGRAMS
from benchmarks.faults.records import CURVATURE
from benchmarks.faults.score import Row, Scored, Scores, said
from benchmarks.faults.shares import Share, median, percent
from benchmarks.faults.sight import ALARMS
from cockpit.lamps import LEVELS, all_lamps


def page(scores: Scores, split: str) -> str:
    """All tables of a split."""
    about = "set no threshold" if split == "held_out" else "thresholds were set by"
    sections = [
        f"# Faults: programs that {about}\n",
        described(scores),
        "## What is asked\n\n" + asked(scores),
        "## By nature and harm\n\n" + parts(scores),
        "## By kind of fault\n\n" + by_kind(scores),
        "## Faults that are only advised of\n\n" + advisories(scores),
        "## By level\n\n" + by_level(scores),
        "## Healthy runs\n\n" + healthy(scores),
        "## With less, and by others' rules\n\n" + compared(scores),
        "## With and without curvature\n\n" + curvature(scores),
        "## Named first, but wrong\n\n" + confusions(scores),
        "## Faults that did no harm\n\n" + harmless(scores),
    ]
    return "\n".join(sections)


def by_kind(scores: Scores) -> str:
    """One line for each kind of fault, its severities together."""
    groups: dict[str, list[Row]] = {}
    for row in scores.counted():
        groups.setdefault(row.fault.kind, []).append(row)
    lines = []
    for kind, rows in groups.items():
        exact = of_nature(rows, "exact")
        lines.append((
            kind, ", ".join(dict.fromkeys(row.fault.root for row in rows)), rows[0].fault.nature,
            len(rows), sum(row.found for row in rows), sum(row.first_right for row in rows),
            sum(row.root_right for row in rows),
            sum(row.soon for row in exact) if exact else "–",
            percent(median(row.found_at for row in rows)), _wrong_first(rows),
        ))  # fmt: skip
    head = ("kind", "lamp", "nature", "harmful runs", "found", "first right", "root right", "soon",
            "median detection", "most often wrong")  # fmt: skip
    return (
        "Numbers of runs. *Soon*: exact ones, an accepted lamp within five tracked steps. *Most "
        "often wrong*: what was named first most often of what is not accepted.\n\n"
        + markdown(head, lines)
    )


def _wrong_first(rows: Iterable[Row]) -> str:
    """The most frequent one, and how often."""
    wrong = Counter(row.first or "nothing" for row in rows if not row.first_right)
    return ", ".join(f"{name} ×{count}" for name, count in wrong.most_common(1)) or "–"


def by_level(scores: Scores) -> str:
    """How often a lamp of each level stood for itself, and was right."""
    rows = scores.rows.get("all", [])
    lines = []
    for level in LEVELS:
        lit = [
            (row, lamp)
            for row in rows
            for lamp in row.scored.sights["all"].lamps((level,), alone=True)
        ]
        right = [lamp in row.fault.accepted for row, lamp in lit]
        false = [bool(false_alarms(one, (level,))) for one in scores.healthy]
        lines.append((level, len(lit), Share.of(right), Share.of(false)))
    head = ("level", "lit in faulty runs", "of these an accepted cause", "healthy runs with one")
    return (
        "All harmful runs, those with faults that are only advised of among them; lamps that "
        "another one explained are left out.\n\n" + markdown(head, lines)
    )


def healthy(scores: Scores) -> str:
    """False ones, by lamp and by program."""
    lines = []
    for level in LEVELS:
        counts = Counter(
            lamp for one in scores.healthy for lamp in one.sights["all"].lamps((level,))
        )
        for lamp, count in counts.most_common():
            where = Counter(
                one.run.program for one in scores.healthy
                if lamp in one.sights["all"].lamps((level,))
            )  # fmt: skip
            said = ", ".join(f"{name} ×{number}" for name, number in where.most_common())
            lines.append((level, lamp, count, said))
    return markdown(("level", "lamp", "healthy runs", "programs"), lines)


NOTE = """\
The same runs. *Right* is a rule that means an accepted lamp. The lamps' thresholds were tuned on
sibling programs; the published rules have their authors' defaults, not tuned. SageMaker's *quieter
rules* leave out two that were seen to fire on most healthy runs of the split that sets thresholds.
Without individual gradients, the lamps' thresholds stay as they are: nothing was tuned again.
AUTOTRAINER knows classifiers only, so one row has these alone. *In the end*: the cause that was
named last; *ever*: at any time after the fault began.

"""


def compared(scores: Scores) -> str:
    """Ablations and baselines on the same runs."""
    lines = []
    for eye in scores.rows:
        lines.append(_compared(eye, eye, scores.counted(eye), scores.healthy))
        if eye in ("all", "AUTOTRAINER"):
            rows = [row for row in scores.counted(eye) if _classifies(row.scored)]
            sound = [one for one in scores.healthy if _classifies(one)]
            lines.append(_compared(f"{eye}, classifiers only", eye, rows, sound))
    head = ("", "runs", "found, mean over kinds", "accepted, mean over kinds", "first right",
            "root right", "root named in the end", "root named ever", "median detection",
            "by an accepted one", "healthy runs with an alarm")  # fmt: skip
    return NOTE + markdown(head, lines) + _rules(scores)


def _compared(title: str, eye: str, rows: Sequence[Row], sound: Iterable[Scored]) -> Cells:
    return (
        title,
        len(rows),
        over_kinds(rows, lambda row: row.found),
        over_kinds(rows, lambda row: row.accepted),
        Share.of(row.first_right for row in rows),
        Share.of(row.root_right for row in rows),
        Share.of(row.root_last for row in rows),
        Share.of(row.root_ever for row in rows),
        percent(median(row.found_at for row in rows)),
        percent(median(row.accepted_at for row in rows)),
        Share.of(bool(said(one, eye).alarms) for one in sound),
    )


def _classifies(scored: Scored) -> bool:
    return PROGRAMS[scored.run.program].task.classes is not None


def _rules(scores: Scores) -> str:
    """How often each published rule fired."""
    rows = scores.counted()
    lines = []
    for name in ("AUTOTRAINER", "SageMaker Debugger"):
        for rule in BASELINES[name][1]:
            faulty = Share.of(_fired(row.scored, name, rule) for row in rows)
            sound = Share.of(_fired(one, name, rule) for one in scores.healthy)
            lines.append((name, rule, faulty, sound))
    return "\n" + markdown(("baseline", "rule", "harmful runs", "healthy runs"), lines)


def _fired(scored: Scored, name: str, rule: str) -> bool:
    return any(alarm.rule == rule for alarm in scored.alarms[name])


def curvature(scores: Scores) -> str:
    """The same runs with second derivatives tracked, looked at with and without them."""
    faulty = [one for one in scores.curved if one.fault and one.harm and one.harm.harmful]
    sound = [one for one in scores.curved if one.fault is None]
    reading = {one.name: one.level for one in all_lamps() if CURVATURE & set(one.needs)}
    lines = []
    for eye in ("all", "without curvature"):
        lines.append((
            "with curvature" if eye == "all" else eye,
            Share.of(said(one, eye).first is not None for one in faulty),
            Share.of(
                one.sights[eye].first in one.fault.accepted for one in faulty if one.fault
            ),
            Share.of(bool(one.sights[eye].lamps()) for one in sound),
            _advised(faulty, eye, reading),
            _advised(sound, eye, reading),
        ))  # fmt: skip
    head = ("", "found", "first right", "healthy runs with an alarm",
            "a lamp of curvature lit in faulty runs", "… in healthy runs")  # fmt: skip
    return _who_reads_curvature(reading, scores) + markdown(head, lines)


def _advised(group: Iterable[Scored], eye: str, names: Iterable[str]) -> Share:
    return Share.of(not set(names).isdisjoint(one.sights[eye].lamps(LEVELS)) for one in group)


def _who_reads_curvature(reading: Mapping[str, str], scores: Scores) -> str:
    """Which lamps need it, by what they say of themselves."""
    named = ", ".join(f"{name} ({level})" for name, level in reading.items()) or "none"
    alarms = [name for name, level in reading.items() if level in ALARMS]
    verdict = "" if alarms else " No caution or warning uses curvature."
    moved = sum(
        said(one, "all").alarms != said(one, "without curvature").alarms for one in scores.curved
    )
    return (
        f"Lamps that need curvature: {named}.{verdict} Cautions or warnings differ without it in "
        f"{moved} of {len(scores.curved)} runs.\n\n"
    )


def confusions(scores: Scores) -> str:
    """What was named where something else was broken."""
    counts = Counter(
        (row.fault.name, row.first or "nothing") for row in scores.counted() if not row.first_right
    )
    return markdown(
        ("fault", "named first", "runs"),
        ((fault, first, count) for (fault, first), count in counts.most_common()),
    )


def harmless(scores: Scores) -> str:
    """What was said of runs that a fault did not hurt; they count nowhere else."""
    counts: dict[str, list[Scored]] = {}
    for one in scores.harmless:
        counts.setdefault(str(one.run.fault), []).append(one)
    lines = []
    for fault, group in counts.items():
        firsts = Counter(one.sights["all"].first or "–" for one in group)
        said_of = ", ".join(f"{lamp} ×{count}" for lamp, count in firsts.most_common())
        lines.append((fault, len(group), sum(map(_misnamed, group)), said_of))
    wrong = Share.of(map(_misnamed, scores.harmless))
    text = f"A caution or warning that is not accepted lit in {wrong} of these runs.\n\n"
    return text + markdown(("fault", "runs", "with one not accepted", "named first"), lines)


def _misnamed(scored: Scored) -> bool:
    """Whether a lamp lit that is no cause of this fault."""
    accepted = scored.fault.accepted if scored.fault else frozenset()
    return any(lamp not in accepted for lamp in scored.sights["all"].lamps(alone=True))


def programs(split: str) -> str:
    """The programs of a split."""
    lines = [
        (p.name, p.architecture, p.data, p.optimizer.title, f"{p.optimizer.lr:g}",
         p.schedule.__name__.replace("_", " "), p.batch_size, p.steps)
        for p in PROGRAMS.values()
        if p.split == split
    ]  # fmt: skip
    head = ("program", "network", "data", "optimizer", "lr", "schedule", "batch", "steps")
    return markdown(head, lines)


def plain(scores: Scores) -> dict[str, Any]:
    """For the JSON file."""
    return {
        "described": described(scores),
        "headline": asked(scores),
        "faulty": [_plain(row) for row in scores.rows.get("all", [])],
        "harmless": [_about(one) for one in scores.harmless],
        "healthy": [_about(one) for one in scores.healthy],
        "curved": [_about(one) for one in scores.curved],
        "missing": scores.missing,
    }


def _plain(row: Row) -> dict[str, Any]:
    return _about(row.scored) | {k: v for k, v in vars(row).items() if k != "scored"}


def _about(scored: Scored) -> dict[str, Any]:
    run: Run = scored.run
    return {
        "program": run.program,
        "fault": run.fault,
        "seed": run.seed,
        "tier": run.tier,
        "harm": None if scored.harm is None else vars(scored.harm),
        "end": scored.outcome["history"][-1:] or scored.outcome["error"],
        "lamps": {name: sight.lit for name, sight in scored.sights.items()},
        "alarms": {
            name: [[alarm.step, alarm.rule] for alarm in found]
            for name, found in scored.alarms.items()
        },
    }
