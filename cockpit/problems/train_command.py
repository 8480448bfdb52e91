"""The command ``cockpit train``: a test problem with the cockpit around it."""

from __future__ import annotations

import argparse
import sys
import time
import webbrowser
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cockpit import problems
from cockpit.console import load_data, positive, training_bar
from cockpit.demo import gauges, has_display, next_free
from cockpit.problems import Problem, checkpoint
from cockpit.problems.checkpoint import Checkpoint
from cockpit.problems.data import SOURCES, DataSet
from cockpit.problems.list_command import here_by_kind
from cockpit.problems.training import OPTIMIZERS, Outcome, Settings, train
from cockpit.signals import stop_on_request

if TYPE_CHECKING:
    from cockpit.cockpit import Cockpit
    from cockpit.configuration import Configuration
    from cockpit.quantities.base import Quantity

CONFIGS = ("economy", "business", "full", "loss")
PLAIN_LINES = 10
SHORTEST_WAIT = 50  # steps between evaluations, however short an epoch is

DEFAULTS: dict[str, Any] = {
    "optimizer": "sgd",
    "config": "economy",
    "track_every": 1,
    "seed": 0,
    "device": "cpu",
}
"""Where nothing else is said. argparse has none, so that those of a resumed run come first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit train``."""
    add = parser.add_argument
    add("problem", nargs="?", help="key or name, e.g. P4 or 3c3d; `cockpit problems` lists them")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=positive(int), help="training time (the problem's own)")
    length.add_argument("--steps", type=positive(int), help="training time in optimizer steps")
    add("--optimizer", help=f"{', '.join(OPTIMIZERS)} (sgd)")
    add("--lr", type=positive(float), help="learning rate (one that suits problem and optimizer)")
    add("--batch-size", type=positive(int), help="samples per step (the problem's own)")
    add("--data", help="another data set of the same kind, or the path of a text (its own)")
    add("--config", choices=CONFIGS, help="what to track; loss: nothing else (economy)")
    add("--track-every", type=positive(int), metavar="N", help="track each N-th step (1)")
    add("--budget", type=positive(float), help="share of the time that tracking may cost, e.g. 0.1")
    add("--validate-every", type=positive(int), metavar="N",
        help="steps between evaluations on all test samples, and checkpoints (an epoch, or a "
        "tenth of the run, but at least 50)")  # fmt: skip
    add("--seed", type=int, help="of network, order of the data, and all else (0)")
    add("--device", help="where to train, e.g. cuda (cpu)")
    add("--logdir", type=Path, help="folder of the run (runs/NAME-1, -2, …)")
    add("--resume", type=Path, metavar="DIR", help="go on with the run in this folder")
    add("--ui", action="store_true", help="serve the live page beside the training")
    add("--port", type=int, default=8050, help="port of the page (%(default)s)")
    add("--no-wait", action="store_true", help="with --ui: end with the training")


def run(arguments: argparse.Namespace) -> int:
    """Train; returns the exit status: 130 if it was interrupted."""
    console = Console(highlight=False)
    try:
        with stop_on_request() as stop:
            outcome = _train(arguments, console, stop)
    except (ValueError, OSError, ModuleNotFoundError, RuntimeError) as error:
        print(f"cockpit train: {error}", file=sys.stderr)
        return 1
    if arguments.ui and not arguments.no_wait and not outcome.stopped:
        console.print("The page stays until you press Ctrl-C.")
        while True:
            time.sleep(3600)
    return 130 if outcome.stopped else 0


def _train(arguments: argparse.Namespace, console: Console, stop: Any) -> Outcome:
    resumed = checkpoint.load(arguments.resume) if arguments.resume else None
    plan = make_plan(vars(arguments), resumed)
    problem = problems.get(plan["problem"])
    folder = arguments.resume or _new_folder(arguments.logdir, problem)
    data = _data(problem, plan.get("data"), console)
    plan = with_length(plan, problem, data)
    settings = Settings(
        steps=plan["steps"],
        logdir=folder,
        optimizer=plan["optimizer"],
        lr=plan.get("lr"),
        batch_size=plan.get("batch_size"),
        config=_configuration(plan["config"], plan["track_every"]),
        budget=plan.get("budget"),
        seed=plan["seed"],
        device=plan["device"],
        validate_every=plan["validate_every"],
        validation_samples=None,
        save=True,
        plan=plan,
    )
    _announce(problem, data, settings, resumed, console)
    if arguments.ui:
        _serve(arguments, folder, console)
    outcome = _with_bar(problem, data, settings, resumed, console, stop)
    if outcome.stopped:
        console.print(f"Stopped after {outcome.steps:,} steps. Go on with:")
        console.print(f"cockpit train --resume {folder}", markup=False, soft_wrap=True)
    return outcome


def make_plan(given: dict[str, Any], resumed: Checkpoint | None) -> dict[str, Any]:
    """What is to be done: as it is asked for, else as the resumed run has it, else the defaults.

    Raises:
        ValueError: If no problem is named.
    """
    names = ("problem", "epochs", "steps", "optimizer", "lr", "batch_size", "data", "config",
             "track_every", "budget", "validate_every", "seed", "device")  # fmt: skip
    asked = {name: given[name] for name in names if given.get(name) is not None}
    before = dict(resumed.plan) if resumed else {}
    if "epochs" in asked:
        before.pop("steps", None)
    plan = {**DEFAULTS, **before, **asked}
    if "problem" not in plan:
        raise ValueError("which problem? `cockpit problems` lists them: cockpit train P3")
    return plan


def with_length(plan: dict[str, Any], problem: Problem, data: DataSet) -> dict[str, Any]:
    """The plan with its number of steps, and the distance between evaluations."""
    samples, _ = problem.view(data)
    per_epoch = max(1, len(samples) // plan.get("batch_size", problem.batch_size))
    steps = plan.get("steps") or plan.get("epochs", problem.epochs) * per_epoch
    usual = max(SHORTEST_WAIT, min(per_epoch, steps // 10))
    made = {**plan, "steps": steps, "validate_every": plan.get("validate_every", usual)}
    made.pop("epochs", None)
    return made


def _new_folder(given: Path | None, problem: Problem) -> Path:
    folder: Path = given or next_free(Path("runs") / problem.name)
    if (folder / "log.jsonl").exists():
        raise ValueError(f"{folder} holds a run already; use --resume {folder}, or another folder")
    return folder


def _data(problem: Problem, name: str | None, console: Console) -> DataSet:
    """The data; if it can't be had, what else there is."""
    try:
        return load_data(name or problem.dataset, console)
    except FileNotFoundError as error:
        others = here_by_kind().get(SOURCES[problem.dataset].makes.kind, [])
        hint = f"; here are: {', '.join(f'--data {other}' for other in others)}" if others else ""
        raise FileNotFoundError(f"{error}{hint}") from error


def _configuration(name: str, every: int) -> Configuration | list[Quantity]:
    from cockpit.configuration import Configuration
    from cockpit.quantities.loss import Loss

    if name == "loss":
        return [Loss(every)]
    return Configuration(name, schedule=every)  # type: ignore[arg-type]


def _announce(
    problem: Problem,
    data: DataSet,
    settings: Settings,
    resumed: Checkpoint | None,
    console: Console,
) -> None:
    """Say what is trained on which data, and where its log is."""
    if data.name != problem.dataset:
        usual = SOURCES[problem.dataset].title
        console.print(f"[bold]This run is on {data.title}, not on {usual}.[/bold]")
    recipe = settings.recipe(problem, data)
    begin = f"from step {resumed.step:,} " if resumed else ""
    console.print(
        f"Run: {problem.key} {problem.name}, {recipe['optimizer']} with lr {recipe['lr']:g}, "
        f"batches of {recipe['batch_size']}, {begin}to {settings.steps:,} steps, "
        f"log in {settings.logdir}",
        markup=False,
        soft_wrap=True,
    )


def _serve(arguments: argparse.Namespace, folder: Path, console: Console) -> None:
    from cockpit.dashboard import start_background

    address = start_background(folder.parent, port=arguments.port)
    console.print(f"Open [bold]{address}[/bold]")
    if has_display() and not arguments.no_wait:
        webbrowser.open(address)


def _with_bar(
    problem: Problem,
    data: DataSet,
    settings: Settings,
    resumed: Checkpoint | None,
    console: Console,
    stop: Any,
) -> Outcome:
    """Train with a bar, or with a line now and then where there is no terminal."""
    first = resumed.step if resumed else 0
    bar = training_bar(console) if console.is_terminal else None
    every = max(1, (settings.steps - first) // PLAIN_LINES)
    began = time.monotonic()
    with bar or nullcontext():
        task = bar.add_task("", total=settings.steps, completed=first) if bar else None

        def watch(step: int, cockpit: Cockpit) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=step + 1, description=gauges(cockpit))
            elif (step + 1 - first) % every == 0:
                line = f"step {step + 1:>6} of {settings.steps}   {gauges(cockpit)}"
                console.print(line, soft_wrap=True)

        outcome = train(problem, data, settings, watch, stop=stop, resumed=resumed)
    _conclude(problem, data, outcome, time.monotonic() - began, console)
    return outcome


def _conclude(
    problem: Problem, data: DataSet, outcome: Outcome, seconds: float, console: Console
) -> None:
    score = outcome.score
    if score is None:
        return
    metric = ""
    if score.metric is not None and problem.metric is not None:
        metric = f", {problem.metric.__name__} {score.metric:.2%}"
    console.print(
        f"Trained for {seconds:.0f} s. Test loss {score.loss:.4g}{metric}, on {score.samples:,} "
        f"test samples of {data.title}.",
        soft_wrap=True,
    )
