"""What was measured, how, and when, in words."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

from benchmarks.faults.corpus import VERSION
from benchmarks.faults.harm import LEAST_ACCURACY, LEAST_LOSS
from benchmarks.faults.loop import EVALUATIONS, FIRST, PAIRS
from benchmarks.faults.score import Scored, Scores

HELD_OUT_LOG = "held-out-scores.txt"
EXCEPT_LOG = f":(exclude,top)benchmarks/results/{HELD_OUT_LOG}"


def described(scores: Scores) -> str:
    """What was looked at."""
    rows = [row.scored for row in scores.counted()]
    text = (
        f"{_healthy(scores.healthy)} {len(rows)} harmful faulty runs "
        f"({len({one.run.fault for one in rows})} faults): {_harm(rows)}. Faults whose right lamp "
        f"is an advisory have a table of their own: {len(scores.rows.get('all', [])) - len(rows)} "
        f"harmful runs. {len(scores.harmless)} runs with a fault that did no harm count in a table "
        f"at the end, {len(scores.curved)} with curvature as well in theirs. In brackets: how many "
        "of how many, and Wilson's interval of 95 %; of means over kinds, an interval by drawing "
        f"kinds anew.\n\n{method()}"
    )
    if scores.missing:
        text += f"\n**{len(scores.missing)} runs are not trained yet, or by another recipe.**\n"
    return text


def _healthy(sound: list[Scored]) -> str:
    seeds: dict[str, int] = {}
    for one in sound:
        seeds[one.run.program] = seeds.get(one.run.program, 0) + 1
    each = sorted(set(seeds.values()))
    times = str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}" if each else "no"
    return f"{len(sound)} healthy runs: {len(seeds)} programs × {times} seeds."


def _harm(rows: list[Scored]) -> str:
    measured = sum(bool(one.harm and one.harm.measured) for one in rows)
    wrong = sum(bool(one.harm and one.harm.wrong) for one in rows)
    both = sum(bool(one.harm and one.harm.wrong and one.harm.measured) for one in rows)
    return f"{measured} by measurement, {wrong} by definition ({both} by both)"


def method() -> str:
    """How runs were tracked and judged."""
    return (
        f"Tracking: tier *economy* (*full* for the table of curvature) at the first {FIRST} steps "
        f"and at {PAIRS} pairs of neighbouring steps spread over the run; {EVALUATIONS} "
        "evaluations. A fault does harm if the run ends beyond the worst healthy run of its "
        "program by as much as these differ among themselves, and by at least "
        f"{LEAST_LOSS:.0%} of the loss or {LEAST_ACCURACY:.0%} of accuracy, or with an error; some "
        "are wrong by definition. What is said before a fault begins is false. A single bad record "
        "is met at a tracked step: at others nobody looks at the inputs.\n\n"
        f"{stamp()}\n"
    )


def stamp() -> str:
    """Version of the corpus, date and commit of the scoring."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"Corpus of version {VERSION}, scored on {today} at commit {commit()}."


def commit() -> str:
    """Of the source; ``unknown`` where there is no repository."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ":/", EXCEPT_LOG],
            cwd=here, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()[:12] + (" (with changes)" if changed.stdout.strip() else "")


def note_held_out(folder: Path) -> None:
    """Write down that the held-out programs are looked at, so that it can be seen how often."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / HELD_OUT_LOG).open("a", encoding="utf-8") as file:
        file.write(f"{now} {commit()}\n")
