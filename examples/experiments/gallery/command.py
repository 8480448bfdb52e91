"""Run experiments, and write their figures and the page."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from cockpit.signals import stop_on_request
from examples.experiments.gallery import page
from examples.experiments.gallery.effort import EFFORTS, Effort
from examples.experiments.gallery.experiment import Experiment, all_experiments, names
from examples.experiments.gallery.picture import save
from examples.experiments.gallery.runs import Runs

ROOT = Path(__file__).resolve().parents[3]
ABOUT = "The thesis's experiments: train, draw, and write docs/gallery.md."


def main(arguments: Sequence[str] | None = None, *, only: str | None = None) -> int:
    """Run them; returns the exit status: 1 if one could not be shown, 130 if it was interrupted.

    Args:
        arguments: Of the command line.
        only: The one experiment to run; else the arguments say which.
    """
    given = _parsed(arguments, only)
    console = Console(highlight=False)
    torch.set_num_threads(given.threads)
    effort = EFFORTS[given.effort]
    chosen = [each for each in all_experiments() if each.name in given.only]
    complete = True
    try:
        with stop_on_request() as stop:
            for each in [] if given.page else chosen:
                folder = given.runs / effort.name / each.name
                if given.fresh:
                    shutil.rmtree(folder, ignore_errors=True)
                complete &= _show(each, effort, Runs(folder, console, stop), given.docs, console)
    except KeyboardInterrupt:
        without = " without --fresh" if given.fresh else ""
        console.print(f"Interrupted. The same command{without} goes on from here.")
        return 130
    _write_page(given.docs, console)
    return 0 if complete else 1


def _show(each: Experiment, effort: Effort, runs: Runs, docs: Path, console: Console) -> bool:
    """Run one and keep what it found; whether its data was there."""
    console.print(f"[bold]{each.number}. {each.title}[/bold] ({each.name}, {effort.name})")
    try:
        results = each.measure(effort, runs)
        claims, figure = tuple(each.claims(results)), each.draw(results)
    except FileNotFoundError as error:
        console.print(f"  left out: {error}", markup=False)
        return False
    except Exception:  # a run that came to nothing: the other experiments are none the worse
        console.print_exception()
        return False
    save(figure, docs / page.FOLDER / f"{each.name}.png")
    finding = page.Finding(effort.name, round(runs.seconds), tuple(runs.data_titles), claims)
    page.keep(finding, each.name, docs)
    for claim in claims:
        verdict = page.VERDICTS[claim.holds].strip("*")
        console.print(f"  {verdict}: {claim.text}: {claim.found}", markup=False, soft_wrap=True)
    console.print(f"  {runs.seconds:.0f} s of training")
    return True


def _write_page(docs: Path, console: Console) -> None:
    path = docs / page.PAGE
    path.write_text(page.page(all_experiments(), docs), encoding="utf-8")
    console.print(f"Written: {path}", markup=False, soft_wrap=True)


def _parsed(arguments: Sequence[str] | None, only: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=ABOUT)
    add = parser.add_argument
    add("--quick", dest="effort", action="store_const", const="quick", default="full",
        help="minutes instead of an hour or two; the claims stay undecided")  # fmt: skip
    if only is None:
        add("--only", nargs="+", choices=sorted(names()), default=names(), metavar="NAME",
            help=f"of {', '.join(sorted(names()))}")  # fmt: skip
    else:
        parser.set_defaults(only=[only])
    add("--fresh", action="store_true", help="train anew what has been trained before")
    add("--page", action="store_true", help="run nothing: write the page of what was found before")
    add("--threads", type=int, default=2, help="of torch (%(default)s)")
    add("--runs", type=Path, default=Path("runs/gallery"), help="folder of the runs (%(default)s)")
    add("--docs", type=Path, default=ROOT / "docs", help="folder of the page (docs)")
    return parser.parse_args(arguments)
