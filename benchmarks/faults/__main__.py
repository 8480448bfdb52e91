"""The corpus of faults: train what is missing, hold the lamps against it.

python -m benchmarks.faults run [--split setting held_out] [--jobs 2] [--only PROGRAM …]
python -m benchmarks.faults score [--held-out] [--jobs 2]
python -m benchmarks.faults list
python -m benchmarks.faults pages

An interrupted ``run`` is gone on with by the same command. Lamps are looked at by ``score`` alone,
from the logs: after a change of them, nothing has to be trained again. Programs of ``held_out`` are
scored when asked for by ``--held-out`` only, all at once, and that should be rare: whoever looks at
their scores and then changes a threshold has set it by them. Each time is written down beside the
results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.faults import about, headline, pages, tables
from benchmarks.faults.corpus import Run, selected
from benchmarks.faults.harm import BrokenTwinError
from benchmarks.faults.injections import FAULTS
from benchmarks.faults.programs import PROGRAMS, Split
from benchmarks.faults.runner import make_all
from benchmarks.faults.score import Scores, score
from cockpit.console import training_bar
from cockpit.signals import terminated_as_interrupted

SPLITS: tuple[Split, ...] = ("setting", "held_out")
RUNS = Path("runs") / "faults"
RESULTS = Path(__file__).parents[1] / "results"
DOCS = Path(__file__).parents[2] / "docs" / "lamps"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, score or list; returns the exit status."""
    chosen = parsed(arguments)
    console = Console(highlight=False)
    try:
        with terminated_as_interrupted():
            return int(chosen.do(chosen, console))
    except KeyboardInterrupt:
        console.print("Interrupted; the same command goes on with it.")
        return 130


def run(chosen: argparse.Namespace, console: Console) -> int:
    """Train what is missing."""
    runs = _runs(chosen, chosen.split)
    console.print(f"{len(runs)} runs in {chosen.runs}")
    failed = make_all(runs, chosen.runs, chosen.jobs, console)
    console.print(f"{len(runs) - failed} runs are there, {failed} could not be made.")
    return 1 if failed else 0


def judge(chosen: argparse.Namespace, console: Console) -> int:
    """Score what is there, and write it."""
    splits: list[Split] = ["setting", "held_out"] if chosen.held_out else ["setting"]
    content, texts = {}, []
    if chosen.held_out:
        about.note_held_out(chosen.out)
    for split in splits:
        try:
            scores = _scored(_runs(chosen, [split]), chosen, console)
        except BrokenTwinError as error:
            console.print(str(error), markup=False)
            return 1
        texts += [tables.page(scores, split), "## Programs\n\n" + tables.programs(split)]
        content[split] = tables.plain(scores)
        console.print(f"\n{split}\n{headline.asked(scores)}", markup=False)
    chosen.out.mkdir(parents=True, exist_ok=True)
    name = "faults" if chosen.held_out else "faults-setting"
    (chosen.out / f"{name}.md").write_text("\n".join(texts), encoding="utf-8")
    (chosen.out / f"{name}.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    console.print(f"Written to {chosen.out}/{name}.md and .json")
    return 0


def _scored(runs: list[Run], chosen: argparse.Namespace, console: Console) -> Scores:
    with training_bar(console) as bar:
        task = bar.add_task("", total=len(runs))

        def watch(run: Run) -> None:
            bar.update(task, advance=1, description=run.name)

        return score(runs, chosen.runs, watch, chosen.jobs)


def describe(chosen: argparse.Namespace, console: Console) -> int:
    """Write a page for each lamp, with what the last score says of it."""
    written = pages.write(chosen.docs, chosen.out)
    console.print(f"{len(written)} pages in {chosen.docs}", markup=False)
    return 0


def show(chosen: argparse.Namespace, console: Console) -> int:
    """The programs and the faults."""
    for split in SPLITS:
        console.print(f"{split}\n{tables.programs(split)}", markup=False)
    for fault in FAULTS.values():
        console.print(f"{fault.name}: {fault.root}. {fault.text}", markup=False, soft_wrap=True)
    return 0


def _runs(chosen: argparse.Namespace, splits: Sequence[Split]) -> list[Run]:
    return selected(splits, chosen.only, chosen.faults)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    for name, do in (("run", run), ("score", judge), ("list", show), ("pages", describe)):
        command = commands.add_parser(name, help=do.__doc__)
        command.set_defaults(do=do)
        add = command.add_argument
        add("--only", nargs="+", default=[], choices=PROGRAMS, metavar="PROGRAM")
        add("--faults", nargs="+", default=[], metavar="FAULT",
            help="by name or kind; `healthy` for those without")  # fmt: skip
        add("--runs", type=Path, default=RUNS, help="folder of the runs (%(default)s)")
        if name == "run":
            add("--split", nargs="+", choices=SPLITS, default=list(SPLITS))
        if name in ("run", "score"):
            add("--jobs", type=int, default=1, help="processes (%(default)s)")
        if name == "score":
            add("--held-out", action="store_true", help="score these programs, too")
        if name in ("score", "pages"):
            add("--out", type=Path, default=RESULTS, help="folder of the tables")
        if name == "pages":
            add("--docs", type=Path, default=DOCS, help="folder of the pages")
    chosen = parser.parse_args(arguments)
    if getattr(chosen, "held_out", False) and (chosen.only or chosen.faults):
        parser.error("--held-out scores all programs and faults at once: no --only, no --faults")
    return chosen


if __name__ == "__main__":
    raise SystemExit(main())
