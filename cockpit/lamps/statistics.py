"""Scale-free statistics that several lamps are made of; pure functions of a run's course."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course

__all__ = ["decreases", "first_loss", "removable", "signals"]


def signals(course: Course, count: int) -> np.ndarray:
    """Signal's share of the batch gradient, s = 1 − NormTest² (0: nothing but noise), last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    return np.clip(1 - course.last("NormTest", count) ** 2, 0, 1)


def decreases(course: Course, count: int) -> np.ndarray:
    """Share of the loss that each step removes to first order, q = −ḡᵀΔθ / |L|, last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    found = [
        step.facts["update.decrease"] / abs(step.values["Loss"])
        for step in course.steps
        if "update.decrease" in step.facts and step.values.get("Loss")
    ]
    return np.array(found[-count:], dtype=float)


def removable(course: Course, count: int) -> float | None:
    """Share of the loss that the planned steps could remove, R = T · median(q).

    ``None`` where no number of steps was planned, or none is tracked yet.

    Args:
        course: The run so far.
        count: Of how many tracked steps the median is, at most.
    """
    found = decreases(course, count)
    if course.planned_steps is None or not found.size:
        return None
    return float(course.planned_steps * np.median(found))


def first_loss(course: Course) -> float | None:
    """The loss where the run began; ``None`` if it was not tracked."""
    found = (step.values["Loss"] for step in course.first if "Loss" in step.values)
    return next(found, None)
