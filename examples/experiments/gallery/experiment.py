"""What an experiment is, and which ones there are: one for each file beside this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

import examples.experiments
from examples.experiments.gallery.claim import Claim
from examples.experiments.gallery.effort import Effort
from examples.experiments.gallery.runs import Runs

PARTS = ("NUMBER", "TITLE", "SOURCE", "measure", "draw", "claims")


@dataclass(frozen=True)
class Experiment:
    """An experiment, as its module declares it.

    Attributes:
        name: Of the module.
        number: Its place in the gallery.
        title: What it shows, in a line.
        source: Section and figure of the thesis.
        text: The module's docstring: what is asked, what to see, what it means.
        measure: Trains, and returns plain numbers.
        draw: Makes the figure of them.
        claims: What they say.
    """

    name: str
    number: int
    title: str
    source: str
    text: str
    measure: Callable[[Effort, Runs], Any]
    draw: Callable[[Any], Figure]
    claims: Callable[[Any], Sequence[Claim]]


def experiment(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        AttributeError: If its module lacks a part.
    """
    module = importlib.import_module(f"{examples.experiments.__name__}.{name}")
    missing = [part for part in PARTS if not hasattr(module, part)]
    if missing or not module.__doc__:
        raise AttributeError(
            f"examples/experiments/{name}.py lacks {', '.join(missing) or 'a docstring'}; an "
            f"experiment has a docstring and {', '.join(PARTS)}"
        )
    parts = [getattr(module, part) for part in PARTS]
    return Experiment(name, *parts[:3], inspect.cleandoc(module.__doc__), *parts[3:])


def names() -> list[str]:
    """Names of all experiments, in no order that matters."""
    found = pkgutil.iter_modules(examples.experiments.__path__)
    return [module.name for module in found if not module.ispkg]


def all_experiments() -> list[Experiment]:
    """All experiments, by their numbers."""
    return sorted(map(experiment, names()), key=lambda each: each.number)
