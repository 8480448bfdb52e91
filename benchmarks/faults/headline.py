"""The measures of success, and the faults that they leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.faults.injections import FAULTS, Fault
from benchmarks.faults.score import Row, Scored, Scores
from benchmarks.faults.shares import Mean, Share, median, percent
from benchmarks.faults.sight import ALARMS
from cockpit.lamps import LEVELS

Cells = Sequence[object]
Hit = Callable[[Row], bool]


def markdown(head: Cells, rows: Iterable[Cells]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def over_kinds(rows: Iterable[Row], hit: Hit) -> Mean:
    """Each kind of fault counts the same."""
    kinds: dict[str, list[bool]] = {}
    for row in rows:
        kinds.setdefault(row.fault.kind, []).append(hit(row))
    return Mean.of_shares(kinds)


def of_nature(rows: Iterable[Row], nature: str) -> list[Row]:
    """Exact or statistical ones."""
    return [row for row in rows if row.fault.nature == nature]


def false_alarms(scored: Scored, levels: Sequence[str] = ALARMS) -> list[str]:
    """Lamps of these levels."""
    return scored.sights["all"].lamps(levels)


HEAD = ("measure", "wanted", "got")


def asked(scores: Scores) -> str:
    """The measures of success."""
    return markdown(HEAD, [*of_faults(scores.counted()), *of_healthy(scores.healthy)])


def of_faults(rows: Sequence[Row]) -> list[Cells]:
    """Those on harmful faulty runs."""
    statistical = of_nature(rows, "statistical")

    def both(hit: Hit) -> str:
        return f"{over_kinds(rows, hit)}; of the runs {Share.of(map(hit, rows))}"

    return [
        ("first caution or warning names an accepted cause", "≥ 90%",
         Share.of(row.first_right for row in rows)),
        ("… names the root cause", "≥ 80%", Share.of(row.root_right for row in rows)),
        ("found at all (any caution or warning, right or not), mean over kinds of faults",
         "≥ 95%", both(lambda row: row.found)),
        ("an accepted lamp at all (caution or warning), mean over kinds of faults", "",
         both(lambda row: row.accepted)),
        ("exact ones: an accepted lamp within five tracked steps", "≥ 99%",
         Share.of(row.soon for row in of_nature(rows, "exact"))),
        ("median detection (any), share of the run, a miss counted as all of it", "≤ 5%",
         percent(median(row.found_at for row in rows))),
        ("… by an accepted lamp", "", percent(median(row.accepted_at for row in rows))),
        ("… of statistical faults (any)", "≤ 10%",
         percent(median(row.found_at for row in statistical))),
        ("… of statistical faults by an accepted lamp", "",
         percent(median(row.accepted_at for row in statistical))),
    ]  # fmt: skip


def of_healthy(sound: Sequence[Scored]) -> list[Cells]:
    """Those on healthy runs."""
    programs: dict[str, list[bool]] = {}
    for one in sound:
        programs.setdefault(one.run.program, []).append(bool(false_alarms(one)))
    return [
        ("healthy runs with a false caution or warning", "≤ 5%",
         Share.of(hit for hits in programs.values() for hit in hits)),
        ("… with an interval over programs", "", Mean.of_runs(programs)),
        ("… programs with any", "",
         f"{sum(any(hits) for hits in programs.values())} of {len(programs)}"),
        ("healthy runs with a false warning", "none of ≥ 200",
         Share.of(bool(false_alarms(one, ("warning",))) for one in sound)),
    ]  # fmt: skip


def parts(scores: Scores) -> str:
    """The same of parts of the faulty runs."""
    rows = scores.counted()
    groups = {
        "all": rows,
        "exact faults": of_nature(rows, "exact"),
        "statistical faults": of_nature(rows, "statistical"),
        "harm measured": [row for row in rows if row.scored.harm and row.scored.harm.measured],
    }
    columns: list[Hit] = [
        lambda row: row.first_right,
        lambda row: row.root_right,
        lambda row: row.root_last,
        lambda row: row.found,
        lambda row: row.accepted,
    ]
    lines: list[Cells] = []
    for name, group in groups.items():
        lines.append((name, *(Share.of(map(hit, group)) for hit in columns)))
        lines.append(("… mean over kinds", *(over_kinds(group, hit) for hit in columns)))
    head = ("runs", "first right", "root right", "root named in the end", "found", "accepted")
    return markdown(head, lines)


def advisories(scores: Scores) -> str:
    """Faults whose right lamp is an advisory, and how often that one lights anyway."""
    harmful = [row.scored for row in scores.rows.get("all", []) if row.fault.advisory]
    harmless = [one for one in scores.harmless if one.fault and one.fault.advisory]
    text = (
        "What these faults do may be meant, or does no harm to most programs, so their lamps only "
        "advise, and the measures above leave them out. Here it counts whether the lamp of their "
        "root lit at any level, and beside it how often the same lamp lit in healthy runs: a lamp "
        "that lights as often there says nothing.\n\n"
    )
    lines = []
    for fault in FAULTS.values():
        all_runs = [one for one in [*harmful, *harmless] if one.fault is fault]
        if fault.advisory and all_runs:
            hurt = [one for one in harmful if one.fault is fault]
            lines.append((
                fault.name, fault.root, _lit(hurt, fault), _lit(all_runs, fault),
                Share.of(fault.root in false_alarms(one, LEVELS) for one in scores.healthy),
            ))  # fmt: skip
    head = ("fault", "lamp", "lit in harmful runs", "lit in all", "lit in healthy runs")
    return text + markdown(head, lines) + _with_them(scores)


def _lit(group: Iterable[Scored], fault: Fault) -> Share:
    return Share.of(
        one.sights["all"].step_of({fault.root}, one.begin, LEVELS) is not None for one in group
    )


def _with_them(scores: Scores) -> str:
    rows = scores.rows.get("all", [])
    count = len(rows) - len(scores.counted())
    return (
        f"\nThe measures with the {count} harmful ones of these runs among the others; an advisory "
        "counts as nothing said:\n\n" + markdown(HEAD, of_faults(rows))
    )
