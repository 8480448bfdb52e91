"""Trains what is missing: a folder for each run, and what is finished is not trained again."""

from __future__ import annotations

import json
import shutil
import signal
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.faults.corpus import Run
from benchmarks.faults.loop import train
from cockpit.console import training_bar

RECIPE, OUTCOME = "recipe.json", "outcome.json"


def make(run: Run, root: Path) -> dict[str, Any]:
    """Train a run, unless it is finished; how it ended, as JSON has it."""
    folder, recipe = run.folder(root), run.recipe()
    found = finished(folder, recipe)
    if found is not None:
        return found
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / RECIPE).write_text(json.dumps(recipe, indent=1), encoding="utf-8")
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken programs are warned of, by torch and by Cockpit
        outcome = train(run.setup(), folder, run.tier, fault=run.fault)
    content = asdict(outcome)
    partial = folder / f"{OUTCOME}.part"
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(folder / OUTCOME)
    made: dict[str, Any] = json.loads(json.dumps(content))
    return made


def finished(folder: Path, recipe: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """How a run ended; None if it did not, or is of another recipe.

    Args:
        folder: Of the run.
        recipe: Of the run as it would be made now, ``run.recipe()``; None: any will do.
    """
    if not (folder / OUTCOME).exists():
        return None
    if recipe is not None:
        kept = json.loads((folder / RECIPE).read_text("utf-8"))
        if kept != json.loads(json.dumps(recipe)):  # JSON has lists instead of tuples
            return None
    found: dict[str, Any] = json.loads((folder / OUTCOME).read_text("utf-8"))
    return found


def make_all(runs: Sequence[Run], root: Path, jobs: int, console: Console) -> int:
    """Train all that are missing, several at once; how many could not be.

    Raises:
        KeyboardInterrupt: If it was interrupted; what was being trained is trained anew next time.
    """
    failed = 0
    with training_bar(console) as bar:
        task = bar.add_task("", total=len(runs))
        for run, error in _made(runs, root, jobs):
            failed += bool(error)
            if error:
                bar.console.print(f"{run.name}: {error}", markup=False, highlight=False)
            bar.update(task, advance=1, description=run.name)
            if not console.is_terminal and bar.tasks[task].completed % 50 == 0:
                console.print(f"  {bar.tasks[task].completed:.0f} of {len(runs)}")
    return failed


def _made(runs: Sequence[Run], root: Path, jobs: int) -> Iterator[tuple[Run, str]]:
    """Each run with what went wrong, as they end."""
    if jobs <= 1:
        for run in runs:
            yield run, _tried(run, root)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _leave_interrupts_to_parent) as pool:
        futures = {pool.submit(_tried, run, root): run for run in runs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _leave_interrupts_to_parent() -> None:
    """A worker ends the run that it has begun, and is given no other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tried(run: Run, root: Path) -> str:
    """Train it; in words what kept it from being trained, as against what ended its program."""
    try:
        make(run, root)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
