"""The runs of an experiment, kept in a folder: what is finished is not trained again."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from cockpit import Cockpit
from cockpit.configuration import resolve
from cockpit.console import load_data, training_bar
from cockpit.demo import gauges
from cockpit.log import RunLog
from cockpit.problems import Problem, checkpoint
from cockpit.problems.checkpoint import CHECKPOINT_NAME, Checkpoint
from cockpit.problems.data import DataSet
from cockpit.problems.training import Settings, Stop, Watch, train

RECIPE_NAME = "recipe.json"


class Runs:
    """A folder of finished runs, each under its name; those that are missing are trained.

    What belongs to a run (problem, data, seed, steps, what is tracked, …) is its recipe. A run of
    another recipe is thrown away, an interrupted one is gone on with. The code is no part of the
    recipe: after a change of it, begin with an empty folder.

    Args:
        folder: Of the runs.
        console: Where progress is shown; None: nowhere.
        stop: Asked after each step: whether to end here.

    Attributes:
        data_titles: The data sets that were asked for, by their own names.
        seconds: How long the runs that were asked for took to train, now or before.
    """

    def __init__(
        self, folder: Path, console: Console | None = None, stop: Stop = lambda: False
    ) -> None:
        self.folder = folder
        self.data_titles: list[str] = []
        self.seconds = 0.0
        self._console = console or Console(quiet=True)
        self._stop = stop

    def data(self, name: str) -> Any:
        """A data set; the page says that the experiment is on it.

        Raises:
            FileNotFoundError: If it can't be had.
        """
        found: DataSet = load_data(name, self._console)
        if found.title not in self.data_titles:
            self.data_titles.append(found.title)
        return found

    def train(self, name: str, problem: Problem, data: DataSet, **settings: Any) -> RunLog:
        """The log of a run of :func:`cockpit.problems.training.train`.

        Args:
            name: Of the run, e.g. ``lr-0.1-seed-3``.
            problem: What to train; one that was altered should have a key of its own.
            data: On what.
            settings: Those of ``Settings``; ``steps`` is needed.

        Raises:
            KeyboardInterrupt: If the run was asked to stop.
        """
        folder = self.folder / name
        how = Settings(logdir=folder, save=True, **settings)
        recipe = {**how.recipe(problem, data), "steps": how.steps, **tracked(how)}

        def go_on(_: Path, watch: Watch) -> None:
            resumed = _place_to_go_on(folder, how.steps)
            train(problem, data, how, watch, stop=self._stop, resumed=resumed)

        return self._log(name, recipe, go_on)

    def log(self, name: str, recipe: dict[str, Any], make: Callable[[Path, Watch], None]) -> RunLog:
        """The log of a run with a training loop of its own; begun anew if it was interrupted.

        Args:
            name: Of the run.
            recipe: All that decides its course, as JSON takes it; ``steps`` is needed.
            make: Writes the run's log into the folder that it is given, and calls ``watch(step,
                cockpit)`` after each step.

        Raises:
            KeyboardInterrupt: If the run was asked to stop.
        """

        def begin(folder: Path, watch: Watch) -> None:
            def watch_and_obey(step: int, cockpit: Cockpit) -> None:
                watch(step, cockpit)
                if self._stop():
                    raise KeyboardInterrupt

            (folder / "log.jsonl").unlink(missing_ok=True)
            make(folder, watch_and_obey)

        return self._log(name, recipe, begin)

    def _log(
        self, name: str, recipe: dict[str, Any], make: Callable[[Path, Watch], None]
    ) -> RunLog:
        folder = self.folder / name
        wanted = json.loads(json.dumps(recipe))
        if _recipe_of(folder) != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / RECIPE_NAME).write_text(json.dumps(wanted, indent=1), encoding="utf-8")
        log = _finished(folder)
        if log is None:
            with self._progress(name, recipe["steps"]) as watch:
                make(folder, watch)
            if self._stop():
                raise KeyboardInterrupt
            log = RunLog(folder)
        self.seconds += log.duration
        return log

    @contextmanager
    def _progress(self, name: str, steps: int) -> Iterator[Watch]:
        """A bar on a terminal; elsewhere a line when the run is over."""
        began = time.monotonic()
        if not self._console.is_terminal:
            yield lambda step, cockpit: None
            if not self._stop():
                spent = f"{time.monotonic() - began:.0f} s"
                self._console.print(f"  {name}: {steps:,} steps, {spent}", highlight=False)
            return
        with training_bar(self._console) as bar:
            task = bar.add_task(name, total=steps)

            def watch(step: int, cockpit: Cockpit) -> None:
                bar.update(task, completed=step + 1, description=f"{name}   {gauges(cockpit)}")

            yield watch


def tracked(settings: Settings) -> dict[str, Any]:
    """What of the settings does not change the training, but what is written of it."""
    quantities, configuration = resolve(settings.config)
    return {
        "config": configuration,
        "quantities": [[q.name, str(q.schedule), str(q.parameters())] for q in quantities],
        "validate": [settings.validate_every, settings.validation_samples],
        "budget": settings.budget,
    }


def _recipe_of(folder: Path) -> Any:
    path = folder / RECIPE_NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _finished(folder: Path) -> RunLog | None:
    """The log of a run that is over."""
    if not (folder / "log.jsonl").exists():
        return None
    log = RunLog(folder)
    return log if log.status == "finished" else None


def _place_to_go_on(folder: Path, steps: int) -> Checkpoint | None:
    """The checkpoint of an interrupted run; what else is left of a run is removed."""
    if (folder / CHECKPOINT_NAME).exists():
        with suppress(ValueError):  # of another version of the project
            found = checkpoint.load(folder)
            if found.step < steps:
                return found
        (folder / CHECKPOINT_NAME).unlink()  # killed after its last step: begin anew
    (folder / "log.jsonl").unlink(missing_ok=True)
    return None
