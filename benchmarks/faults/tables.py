"""The scores as Markdown and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.faults.baselines import BASELINES
from benchmarks.faults.corpus import Run
from benchmarks.faults.injections import FAULTS
from benchmarks.faults.programs import PROGRAMS
from benchmarks.faults.score import Row, Scored, Scores, Share, median
from benchmarks.faults.sight import ALARMS
from cockpit.lamps import LEVELS

Cells = Sequence[object]


def markdown(head: Cells, rows: Iterable[Cells]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def percent(value: float) -> str:
    """E.g. ``5%``; a dash for NaN."""
    return "–" if value != value else f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


def page(scores: Scores, split: str) -> str:
    """All tables of a split."""
    about = "set no threshold" if split == "held_out" else "thresholds were set by"
    parts = [
        f"# Faults: programs that {about}\n",
        described(scores),
        "## What is asked\n\n" + asked(scores),
        "## By kind of fault\n\n" + by_kind(scores),
        "## By level\n\n" + by_level(scores),
        "## Healthy runs\n\n" + healthy(scores),
        "## With less, and by others' rules\n\n" + compared(scores),
        "## With and without curvature\n\n" + curvature(scores),
        "## Named first, but wrong\n\n" + confusions(scores),
        "## Faults that did no harm\n\n" + harmless(scores),
    ]
    return "\n".join(parts)


def described(scores: Scores) -> str:
    """What was looked at."""
    rows = scores.rows.get("all", [])
    kinds = {row.scored.run.fault for row in rows}
    text = (
        f"{len(scores.healthy)} healthy runs of {len({s.run.program for s in scores.healthy})} "
        f"programs, {len(rows)} harmful faulty ones ({len(kinds)} faults), {len(scores.harmless)} "
        f"that did no harm, {len(scores.curved)} with curvature as well. In brackets: how many of "
        "how many, and Wilson's interval of 95 %.\n"
    )
    if scores.missing:
        text += f"\n**{len(scores.missing)} runs are not trained yet.**\n"
    return text


def _mean_by_kind(rows: Sequence[Row], hit: Callable[[Row], bool]) -> float:
    """Each kind of fault counts the same."""
    kinds: dict[str, list[bool]] = {}
    for row in rows:
        assert row.scored.fault is not None
        kinds.setdefault(row.scored.fault.kind, []).append(hit(row))
    shares = [sum(hits) / len(hits) for hits in kinds.values()]
    return sum(shares) / len(shares) if shares else float("nan")


def _of(rows: Iterable[Row], nature: str) -> list[Row]:
    return [row for row in rows if row.scored.fault and row.scored.fault.nature == nature]


def false_alarms(scored: Scored, levels: Sequence[str] = ALARMS) -> list[str]:
    """Lamps of these levels."""
    return scored.sights["all"].lamps(levels)


def asked(scores: Scores) -> str:
    """The measures of success."""
    rows, sound = scores.rows.get("all", []), scores.healthy
    exact, statistical = _of(rows, "exact"), _of(rows, "statistical")
    found = _mean_by_kind(rows, lambda row: row.found)
    lines: list[Cells] = [
        ("first caution or warning names an accepted cause", "≥ 90%",
         Share.of(row.first_right for row in rows)),
        ("… names the root cause", "≥ 80%", Share.of(row.root_right for row in rows)),
        ("found at all, mean over kinds of faults", "≥ 95%",
         f"{percent(found)} ({Share.of(row.found for row in rows)} of the runs)"),
        ("exact ones: an accepted lamp within five tracked steps", "≥ 99%",
         Share.of(row.soon for row in exact)),
        ("healthy runs with a false caution or warning", "≤ 5%",
         Share.of(bool(false_alarms(one)) for one in sound)),
        ("healthy runs with a false warning", "none of ≥ 200",
         Share.of(bool(false_alarms(one, ("warning",))) for one in sound)),
        ("median detection, share of the run", "≤ 5%", percent(median(r.found_at for r in rows))),
        ("… of statistical faults", "≤ 10%", percent(median(r.found_at for r in statistical))),
    ]  # fmt: skip
    return markdown(("measure", "wanted", "got"), lines)


def by_kind(scores: Scores) -> str:
    """One line for each fault."""
    groups: dict[str, list[Row]] = {}
    for row in scores.rows.get("all", []):
        groups.setdefault(str(row.scored.run.fault), []).append(row)
    lines = []
    for name in FAULTS:
        rows = groups.get(name)
        if not rows:
            continue
        firsts = Counter(row.first or "–" for row in rows)
        said = ", ".join(f"{lamp} ×{count}" if count > 1 else lamp
                         for lamp, count in firsts.most_common())  # fmt: skip
        lines.append((
            name, FAULTS[name].root, FAULTS[name].nature, len(rows),
            sum(row.found for row in rows), sum(row.first_right for row in rows),
            sum(row.root_right for row in rows), percent(median(r.found_at for r in rows)), said,
        ))  # fmt: skip
    head = ("fault", "lamp", "nature", "harmful runs", "found", "first right", "root right",
            "median detection", "named first")  # fmt: skip
    return markdown(head, lines)


def by_level(scores: Scores) -> str:
    """How often a lamp of each level lit, and was right."""
    rows = scores.rows.get("all", [])
    lines = []
    for level in LEVELS:
        lit = [(row, lamp) for row in rows for lamp in row.scored.sights["all"].lamps((level,))]
        right = [lamp in row.scored.fault.accepted for row, lamp in lit if row.scored.fault]
        false = [bool(one.sights["all"].lamps((level,))) for one in scores.healthy]
        lines.append((level, len(lit), Share.of(right), Share.of(false)))
    head = ("level", "lit in faulty runs", "of these an accepted cause", "healthy runs with one")
    return markdown(head, lines)


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


def compared(scores: Scores) -> str:
    """Ablations and baselines on the same runs."""
    lines = []
    for eye, rows in scores.rows.items():
        false = [bool(_said(one, eye)) for one in scores.healthy]
        lines.append((
            eye,
            percent(_mean_by_kind(rows, lambda row: row.found)),
            Share.of(row.found for row in rows),
            Share.of(row.first_right for row in rows),
            Share.of(row.root_right for row in rows),
            percent(median(row.found_at for row in rows)),
            Share.of(false),
        ))  # fmt: skip
    head = ("", "found, mean over kinds", "found", "first right", "root right",
            "median detection", "healthy runs with an alarm")  # fmt: skip
    return markdown(head, lines) + _rules(scores)


def _said(scored: Scored, eye: str) -> list[str]:
    if eye in BASELINES:
        return [alarm.rule for alarm in scored.alarms[eye]]
    return scored.sights[eye].lamps()


def _rules(scores: Scores) -> str:
    """How often each published rule fired."""
    rows = scores.rows.get("all", [])
    lines = []
    for name in ("AUTOTRAINER", "SageMaker Debugger"):
        for rule in BASELINES[name][1]:
            faulty = Share.of(rule in _said(row.scored, name) for row in rows)
            sound = Share.of(rule in _said(one, name) for one in scores.healthy)
            lines.append((name, rule, faulty, sound))
    return "\n" + markdown(("baseline", "rule", "harmful runs", "healthy runs"), lines)


def curvature(scores: Scores) -> str:
    """The same runs with second derivatives tracked, looked at with and without them."""
    lines = []
    for eye in ("all", "without curvature"):
        faulty = [one for one in scores.curved if one.fault and one.harm and one.harm.harmful]
        sound = [one for one in scores.curved if one.fault is None]
        firsts = [
            one.sights[eye].first in one.fault.accepted for one in faulty if one.fault is not None
        ]
        lines.append((
            "with curvature" if eye == "all" else eye,
            Share.of(one.sights[eye].first is not None for one in faulty),
            Share.of(firsts),
            Share.of(bool(one.sights[eye].lamps()) for one in sound),
        ))  # fmt: skip
    return markdown(("", "found", "first right", "healthy runs with an alarm"), lines)


def confusions(scores: Scores) -> str:
    """What was named where something else was broken."""
    counts = Counter(
        (str(row.scored.run.fault), row.first or "nothing")
        for row in scores.rows.get("all", [])
        if not row.first_right
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
        said = ", ".join(f"{lamp} ×{count}" for lamp, count in firsts.most_common())
        lines.append((fault, len(group), said))
    return markdown(("fault", "runs", "named first"), lines)


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
        "faulty": [_plain(row) for row in scores.rows.get("all", [])],
        "harmless": [_about(one) for one in scores.harmless],
        "healthy": [_about(one) for one in scores.healthy],
        "curved": [_about(one) for one in scores.curved],
        "missing": scores.missing,
    }


def _plain(row: Row) -> dict[str, Any]:
    return _about(row.scored) | {
        "found": row.found,
        "first": row.first,
        "first_right": row.first_right,
        "root_right": row.root_right,
        "found_at": row.found_at,
        "soon": row.soon,
    }


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
