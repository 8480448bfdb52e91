"""How far a run would get with its steps: what they remove, and how far they carry the weights."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.losses import chance
from cockpit.lamps.statistics import WINDOW, decreases, first_loss, median, rate, rates

__all__ = ["begins_trained", "is_rising", "reach", "removable_at_height"]

TRAINED = 0.75  # of the loss of chance: no untrained network begins below
LEAST = 0.01  # of the largest learning rate: steps with less tell nothing of it


def removable_at_height(course: Course) -> float | None:
    """Share of the loss that all planned steps would remove at the largest rate so far.

    R = T · median(q), the planned steps times the last ones' q; each of these counts as if it
    had been made with that rate: q grows with it in proportion, whatever the optimizer. So neither
    a warm-up that is just over nor a decay makes a run look slow.

    Args:
        course: The run so far.

    Returns:
        The share; ``None`` where no number of steps was planned, or nothing is known.
    """
    found = decreases(course, WINDOW)
    factors = _to_height(course, "update.decrease")
    if course.planned_steps is None or not found.size or len(factors) != len(found):
        return None
    counted = median(found * factors)
    return None if counted != counted else course.planned_steps * counted


def reach(course: Course) -> float | None:
    """How far the planned steps would carry the fastest layer, in units of its length.

    T · median ‖Δθ‖/‖θ‖ of the first tracked steps or of the last ones, the larger, at the largest
    rate so far; ``None`` where it is not known. The steps of a random walk carry less far, so it is
    an upper bound.

    Args:
        course: The run so far.
    """
    sizes = [_size(course, [*course.steps][-WINDOW:]), _size(course, course.first)]
    found = [size for size in sizes if size == size]
    if course.planned_steps is None or not found:
        return None
    return course.planned_steps * max(found)


def is_rising(course: Course) -> bool:
    """Whether the learning rate has grown since the tracked step before: a warm-up goes on."""
    history = rates(course)[-2:]
    return len(history) == 2 and history[1] > history[0]


def begins_trained(course: Course) -> bool:
    """Whether the first loss is well below that of chance: the model was trained before."""
    first, guess = first_loss(course), chance(course)
    return first is not None and guess is not None and 0 < first < TRAINED * guess


def _size(course: Course, steps: list[StepView]) -> float:
    highest = max(rates(course), default=0.0)
    name = "update.ratio_max"
    return median(
        s.facts[name] * _factor(rate(s), highest) for s in steps if s.facts.get(name) is not None
    )


def _to_height(course: Course, name: str) -> np.ndarray:
    """What the steps of the last window that have a fact and a loss are to be multiplied by."""
    highest = max(rates(course), default=0.0)
    steps = [s for s in course.steps if name in s.facts and s.values.get("Loss")]
    return np.array([_factor(rate(s), highest) for s in steps[-WINDOW:]])


def _factor(lr: float | None, highest: float) -> float:
    """NaN where a step was too short to tell."""
    if lr is None or highest <= 0:
        return 1.0
    return highest / lr if lr >= LEAST * highest else float("nan")
