"""Runs for the lamps, made by hand: a healthy one, and what is different in others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cockpit.lamps import Board, Course, Episode, Lamp, StepView, all_lamps, get

LAYERS = [
    {"name": "0.weight", "shape": [32, 20], "module": "0", "module_type": "Linear"},
    {"name": "0.bias", "shape": [32], "module": "0", "module_type": "Linear"},
    {"name": "2.weight", "shape": [10, 32], "module": "2", "module_type": "Linear"},
    {"name": "2.bias", "shape": [10], "module": "2", "module_type": "Linear"},
]
SGD = {"name": "SGD", "groups": [{"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}]}
ADAM = {"name": "Adam", "groups": [{"lr": 1e-3, "betas": [0.9, 0.999]}]}
HEADER: dict[str, Any] = {"layers": LAYERS, "optimizer": SGD, "reduction": "mean"}

FIRST: dict[str, Any] = {
    "model.zero_weights": [],
    "model.symmetric": [],
    "model.linear_chain": [],
    "model.gain": 0.5774,
}
FACTS: dict[str, Any] = {
    "inputs.dtype": "float32",
    "inputs.shape": [64, 20],
    "inputs.nonfinite": 0,
    "inputs.mean": 0.01,
    "inputs.std": 1.0,
    "inputs.min": -3.2,
    "inputs.max": 3.4,
    "inputs.offset": 0.12,
    "inputs.scale_ratio": 1.4,
    "inputs.constant": 0.0,
    "inputs.duplicates": 0.0,
    "inputs.same_rows": 0.0,
    "inputs.repeated": 0.02,
    "targets.dtype": "int64",
    "targets.shape": [64],
    "targets.nonfinite": 0,
    "targets.min": 0,
    "targets.max": 9,
    "targets.counts": lambda step: np.roll([4, 5, 6, 7, 8, 8, 7, 7, 6, 6], step).tolist(),
    "outputs.dtype": "float32",
    "outputs.shape": [64, 10],
    "outputs.nonfinite": 0,
    "outputs.min": -2.1234567,
    "outputs.max": 2.3456789,
    "outputs.sum_to_one": False,
    "outputs.at_bound": 0.0,
    "outputs.zeros": 0.0,
    "outputs.spread": 0.7,
    "labels.right": 0.6,
    "labels.quarters": [0.9, 0.06, 0.03, 0.01],
    "loss.function": "CrossEntropyLoss",
    "loss.reduction": "mean",
    "loss.nonfinite": 0,
    "loss.target_gradient": False,
    "model.training": True,
    "model.evaluating": [],
    "model.dropout": 0.0,
    "model.modules_bn": 0,
    "model.frozen": [],
    "model.frozen_share": 0.0,
    "model.without_grad": [],
    "units.0.dead": 0.03,
    "gradient.scale": 1.0,
    "gradient.cosine": 1.0,
    "gradient.before": 0.0,
    "gradient.stepped": 1.0,
    "gradient.zeros": 0.05,
    "gradient.dtype": "float32",
    "optimizer.without": [],
    "optimizer.foreign": 0,
    "optimizer.decay": 0.01,
    "update.decrease": 0.02,
    "update.sign": 0.8,
    "update.ratio_max": 0.01,
    "update.ratio_min": 0.002,
    "update.ratio_max_layer": "2.weight",
    "update.ratio_min_layer": "0.weight",
    "time.waiting": 0.05,
}
REGRESSION: dict[str, Any] = {
    "loss.function": "MSELoss",
    "targets.dtype": "float32",
    "targets.shape": [64, 1],
    "targets.min": -2.6,
    "targets.max": 2.9,
    "targets.variance": 1.0,
    "targets.counts": None,
    "outputs.shape": [64, 1],
    "outputs.spread": 1.0,
    "labels.right": None,
    "labels.quarters": None,
}
EXACT = tuple(one for one in all_lamps() if one.kind == "exact")


def falling(step: int) -> float:
    """The loss of a healthy run of ten classes."""
    return 0.3 + 2.0 * math.exp(-step / 20)


def view(
    step: int,
    facts: Mapping[str, Any],
    *,
    loss: Any = falling,
    gradient: Any = 1.0,
    layers: Sequence[float] = (0.5, 0.1, 0.8, 0.2),
    moved: bool = True,
    batch_size: int | None = None,
) -> StepView:
    """A step of the healthy run, with other facts; ``None`` leaves one out.

    Facts, loss and gradient may be functions of the step.
    """
    given = {**FACTS, **(FIRST if step == 0 else {}), **facts}
    found = {name: fact(step) if callable(fact) else fact for name, fact in given.items()}
    found = {name: fact for name, fact in found.items() if fact is not None}
    values = {
        name: float(value(step) if callable(value) else value)
        for name, value in {"Loss": loss, "GradNorm": gradient}.items()
        if value is not None
    }
    return StepView(
        step,
        time=0.1 * step,
        batch_size=batch_size or found.get("inputs.shape", [64])[0],
        lr=(0.1,),
        values=values,
        layers={"GradNorm": np.array(layers, dtype=float)},
        notes={} if moved else {"UpdateSize": {"moved": False}},
        facts=found,
    )


def board(
    facts: Mapping[str, Any] | None = None,
    *,
    count: int = 12,
    start: int = 0,
    lamps: Iterable[Lamp] = EXACT,
    header: Mapping[str, Any] | None = None,
    user: Mapping[str, Mapping[int, float]] | None = None,
    **others: Any,
) -> Board:
    """The lamps after so many steps of a run.

    Args:
        facts: Those that are different from the healthy run's, see :func:`view`.
        count: Of tracked steps.
        start: The first one.
        lamps: That look on.
        header: What is different in it.
        user: What the loop logs, by name and step.
        others: Of :func:`view`.
    """
    made = Board({**HEADER, **(header or {})}, lamps=list(lamps))
    for step in range(start, start + count):
        for name, logged in (user or {}).items():
            if step in logged:
                made.take_user(step, {name: logged[step]})
        made.take(view(step, facts or {}, **others))
    return made


def episode(name: str, facts: Mapping[str, Any] | None = None, **run: Any) -> Episode | None:
    """How one lamp is lit after such a run; ``None``: it is dark."""
    found = board(facts, lamps=[get(name)], **run)
    assert not [why for why in found.absent.values() if "failed" in why], found.absent
    return found.lit[0] if found.lit else None


def level(name: str, facts: Mapping[str, Any] | None = None, **run: Any) -> str | None:
    """Its level; ``None``: it is dark."""
    found = episode(name, facts, **run)
    return None if found is None else found.level


def course(*views: StepView, **header: Any) -> Course:
    """A course of steps."""
    made = Course({**HEADER, **header})
    for one in views:
        made.take(one)
    return made
