"""Weights that are zero when training begins, and cannot leave it."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import MOST_NAMES, STATISTICAL, Reading, lamp
from cockpit.lamps.network import network


@lamp(
    title="Weights that begin at zero",
    level="warning",
    group="model",
    kind="exact",
    needs=("model.zero_weights", "GradNorm"),
    means="Several layers begin with weights that are all zero, so that no gradient gets through "
    "them, or the same one for all units.",
    do="Leave the initialization to torch (or draw from torch.nn.init); only the last layer, or "
    "the last one of a residual branch, may begin at zero.",
    source="Goodfellow et al. (2016), Deep Learning, 8.4: breaking symmetry",
    sustain=2,
    inhibits=(
        "symmetric_initialization",
        "constant_output",
        "weight_decay_dominates",
        "half_underflow",
        STATISTICAL,
    ),
)
def zero_initialization(course: Course) -> Reading | None:
    """One layer at zero is common and good; two in a row are stuck.

    A last layer, or the last one of a residual branch, of an adapter, of a gate, may begin at zero:
    it gets a gradient and moves. So the lamp lights in two cases: all trained weights of two layers
    or more are zero, and one of them gets no gradient at first, because it lies before another
    (heads beside each other, on a frozen trunk, all get one); or weights that began at zero have
    had a gradient of exactly zero at each tracked step since.
    """
    zero = course.first_fact("model.zero_weights")
    if zero is None:
        return None
    layers = network(course).weights
    is_all = len(layers) > 1 and _has_all(zero, list(layers)) and _is_chain(course, list(layers))
    found = tuple(layers) if is_all else tuple(name for name in zero if _is_stuck(course, name))
    words = "the whole network" if is_all else "stuck: their gradient is exactly 0 since"
    return Reading(
        2.0 if found else 0.0,
        f"{len(zero)} weight matrices were all zero at step {course.first[0].step}, "
        f"{len(found)} of them are {words} (expected: none).",
        {"zero": len(zero), "stuck": len(found)},
        layers=found,
    )


def _has_all(zero: list[str], layers: list[str]) -> bool:
    """Whether all layers are in a list, as far as it goes: it is cut off where it is long."""
    listed = layers
    if len(zero) >= MOST_NAMES:
        listed = layers[: sum(name in zero for name in layers)]
    return bool(listed) and set(listed) <= set(zero)


def _is_chain(course: Course, layers: list[str]) -> bool:
    """Whether one of these layers, all of them at zero, lies before another one."""
    places = [place for place, name in enumerate(course.layer_names) if name in layers]
    return any(_gradient(course.first[0], place) == 0 for place in places)


def _is_stuck(course: Course, name: str) -> bool:
    if course.count < 2 or name not in course.layer_names:
        return False
    place = course.layer_names.index(name)
    return all(_gradient(step, place) == 0 for step in (*course.first, course.now))


def _gradient(step: StepView, place: int) -> float:
    norms = step.layers.get("GradNorm", np.empty(0))
    return float(norms[place]) if place < len(norms) else float("nan")
