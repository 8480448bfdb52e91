"""``cockpit demo``: a network, Fashion-MNIST, and the live page beside it; or made-up runs."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import webbrowser
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cockpit.console import lamp_words, load_data, positive, training_bar
from cockpit.signals import terminated_as_interrupted

if TYPE_CHECKING:
    from cockpit.cockpit import Cockpit
    from cockpit.configuration import Configuration
    from cockpit.problems.data import ImageSet
    from cockpit.quantities.base import Tier

PROBLEM = "2c2d"
PLAIN_LINES = 10
EXPENSIVE_EVERY = 10

LOOK_AT = {
    "economy": (
        "Alpha: −1 is where a step began, 0 the valley floor, +1 the opposite slope. "
        "Most good runs live a little above 0.",
        "Gradient tests: how far single samples disagree. Outside the circle the batch is "
        "too small for its gradient to be trusted.",
        "GradHist1d: the elements of all individual gradients, on a log scale.",
        "Distance and UpdateSize: how far the weights have come, and how far one step goes.",
    ),
    "business": (
        "HessTrace and TIC: how curved the loss is, and how noise and curvature go together.",
    ),
    "full": (
        "HessMaxEV: the sharpest direction; plain SGD is stable below 2 / learning rate.",
        "GradHist2d: gradient elements against the weights they belong to. "
        f"These two are taken every {EXPENSIVE_EVERY} steps.",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cockpit demo``."""
    add = parser.add_argument
    add("--steps", type=positive(int), default=300, help="optimizer steps (%(default)s)")
    add("--config", choices=tuple(LOOK_AT), default="economy", help="what to track (%(default)s)")
    add("--optimizer", default="sgd", help="sgd, momentum, adam or adamw (%(default)s)")
    add("--lr", type=positive(float), help="learning rate (one that suits the optimizer)")
    add("--batch-size", type=positive(int), help="samples per step (128)")
    add("--seed", type=int, default=0, help="seed of network, data and estimates (%(default)s)")
    add("--device", default="cpu", help="where to train, e.g. cuda (%(default)s)")
    add("--data", default=None, help="fashion-mnist or digits (what can be had, in this order)")
    add("--logdir", type=Path, help="folder of the run (runs/demo-1, -2, …)")
    add("--port", type=int, default=8050, help="port of the page (%(default)s)")
    add("--no-ui", action="store_true", help="train without the page")
    add("--no-wait", action="store_true", help="end with the training; open no browser")
    add("--synthetic", action="store_true", help="train nothing: show a folder of made-up runs")
    add("--out", type=Path, default=Path("runs") / "synthetic", metavar="DIR",
        help="folder of the made-up runs (%(default)s)")  # fmt: skip
    add("--live", action="store_true", help="with --synthetic: one more run that keeps writing")


def run(arguments: argparse.Namespace) -> int:
    """Train and serve, or write synthetic runs and serve; returns the exit status."""
    console = Console(highlight=False)
    logdir = arguments.logdir or next_free(Path("runs") / "demo")
    folder = arguments.out if arguments.synthetic else logdir.parent
    try:
        with terminated_as_interrupted():
            if arguments.synthetic:
                _show_synthetic(arguments, console)
            else:
                _show_training(arguments, logdir, console)
    except KeyboardInterrupt:
        _say_how_to_look_again(folder, console)
        return 130
    except (ValueError, OSError, ModuleNotFoundError, RuntimeError) as error:
        print(f"cockpit demo: {error}", file=sys.stderr)
        return 1
    return 0


def _show_training(arguments: argparse.Namespace, logdir: Path, console: Console) -> None:
    images = _load(arguments.data, console)
    address = None if arguments.no_ui else _serve(logdir.parent, arguments.port, console)
    _announce(arguments, logdir, images, address, console)
    if address and not arguments.no_wait and has_display():
        webbrowser.open(address)
    _train(arguments, images, logdir, console)
    if address and not arguments.no_wait:
        _wait(address, logdir.parent, console)


def _show_synthetic(arguments: argparse.Namespace, console: Console) -> None:
    from cockpit.synthetic.demo import live_run, write_all

    folder: Path = arguments.out
    write_all(folder, console)
    with live_run(next_free(folder / "live")) if arguments.live else nullcontext():
        if arguments.no_ui:
            return
        address = _serve(folder, arguments.port, console)
        console.print(f"\nOpen [bold]{address}[/bold]")
        if not arguments.no_wait:
            if has_display():
                webbrowser.open(address)
            _wait(address, folder, console)


def _command() -> str:
    """How the user's shell finds ``cockpit``, also where the environment is not activated."""
    if shutil.which("cockpit"):
        return "cockpit"
    return os.path.relpath(Path(sys.executable).parent / "cockpit")


def next_free(stem: Path) -> Path:
    """``stem`` with the first number that no folder has yet: a new run leaves older ones alone."""
    number = 1
    while (path := stem.with_name(f"{stem.name}-{number}")).exists():
        number += 1
    return path


def has_display() -> bool:
    """Whether a browser would be seen by someone."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _load(name: str | None, console: Console) -> ImageSet:
    """The data, with a word on where it comes from."""
    images: ImageSet = load_data(name or "fashion-mnist", console, fallback=name is None)
    return images


def _serve(folder: Path, port: int, console: Console) -> str:
    """Start the page of a folder in a process of its own; its address."""
    from cockpit.dashboard import start_background

    address = start_background(folder, port=port)
    if f":{port}/" not in address:
        console.print(f"Port {port} is taken; the page has another one.")
    return address


def _announce(
    arguments: argparse.Namespace,
    logdir: Path,
    images: ImageSet,
    address: str | None,
    console: Console,
) -> None:
    """Say what happens, where to look, and what there is to see."""
    if images.name != "fashion-mnist":
        console.print(f"[bold]This run is on {images.title}, not on Fashion-MNIST.[/bold]")
    console.print(f"Run: {PROBLEM}, {arguments.steps} steps, {arguments.config}, log in {logdir}")
    if address is None:
        return
    console.print(f"\nOpen [bold]{address}[/bold] and look at\n")
    tiers = list(LOOK_AT)
    for tier in tiers[: tiers.index(arguments.config) + 1]:
        for line in LOOK_AT[tier]:
            console.print(f"  • {line}", soft_wrap=True)
    console.print()


def _train(arguments: argparse.Namespace, images: ImageSet, logdir: Path, console: Console) -> None:
    """Train with a progress bar, or with a line now and then where there is no terminal."""
    from cockpit import problems
    from cockpit.problems.training import Settings, train

    settings = Settings(
        steps=arguments.steps,
        logdir=logdir,
        optimizer=arguments.optimizer,
        lr=arguments.lr,
        batch_size=arguments.batch_size,
        config=_configuration(arguments.config),
        seed=arguments.seed,
        device=arguments.device,
    )
    began = time.monotonic()
    bar = training_bar(console) if console.is_terminal else None
    with bar or nullcontext():
        task = bar.add_task("", total=settings.steps) if bar else None
        every = max(1, settings.steps // PLAIN_LINES)

        def watch(step: int, cockpit: Cockpit) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=step + 1, description=gauges(cockpit))
            elif (step + 1) % every == 0:
                line = f"step {step + 1:>6} of {settings.steps}   {gauges(cockpit)}"
                console.print(line, soft_wrap=True)

        score = train(problems.get(PROBLEM), images, settings, watch).score
    seconds = time.monotonic() - began
    if score is not None and score.metric is not None:
        right = f"{score.metric:.1%} of the test images are right"
        console.print(f"Trained in {seconds:.0f} s; {right}.")


def _configuration(tier: Tier) -> Configuration:
    """The tier at every step; with `full` all there is, but what costs most at every tenth step."""
    from cockpit.configuration import Configuration
    from cockpit.quantities import QUANTITIES

    if tier != "full":
        return Configuration(tier)
    expensive = [kind(EXPENSIVE_EVERY) for kind in QUANTITIES.values() if kind.tier == "full"]
    on_request = [
        kind()
        for name, kind in QUANTITIES.items()
        if kind.tier is None and name != "Parameters"  # a large log, and no instrument
    ]
    return Configuration("full", also=[*expensive, *on_request])


def gauges(cockpit: Cockpit) -> str:
    """Loss, α, what tracking costs, and the worst lamp that is lit, as one line with markup."""
    loss, alpha = cockpit.latest.get("Loss"), cockpit.latest.get("Alpha")
    words = (
        "loss  –   " if loss is None else f"loss {loss:.3f}",
        "α   –  " if alpha is None else f"α {alpha:+.2f}",
        f"tracking {cockpit.overhead:+.0%}",
        lamp_words(cockpit.lamps),
    )
    return "   ".join(filter(None, words))


def _wait(address: str, folder: Path, console: Console) -> None:
    """Keep the page until Ctrl-C."""
    try:  # whoever reads the words may press it at once
        console.print(f"The page stays at {address} until you press Ctrl-C.")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        _say_how_to_look_again(folder, console)


def _say_how_to_look_again(folder: Path, console: Console) -> None:
    # Unbroken, so that it can be copied.
    again = f"\nStopped. Look at the run again with: {_command()} ui {folder}"
    console.print(again, soft_wrap=True, markup=False)
