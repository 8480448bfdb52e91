"""What is known of torch's loss functions, and the losses that need no look at the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cockpit.lamps.course import Course, StepView, once_a_step
from cockpit.lamps.labels import Labels

__all__ = [
    "BINARY_LOGITS",
    "BINARY_SHARES",
    "CLASSES",
    "ELEMENTWISE",
    "MASK",
    "SQUARES",
    "chance",
    "terms",
    "untrained_loss",
]

CLASSES = ("CrossEntropyLoss", "NLLLoss")
BINARY_LOGITS = ("BCEWithLogitsLoss",)
BINARY_SHARES = ("BCELoss",)
SQUARES = ("MSELoss",)
KNOWN = ("mean", "std", "variance", "min", "max")  # of targets
DISTANCES = ("L1Loss", "SmoothL1Loss", "HuberLoss")
BINARY = (*BINARY_LOGITS, *BINARY_SHARES)
ELEMENTWISE = (*SQUARES, *DISTANCES)
"""Those that compare outputs and targets element by element, and expand either to the other."""
MASK = -1000.0
"""Logits at or below are masked on purpose."""

POOL = 32  # tracked steps whose targets stand for all


def untrained_loss(course: Course) -> float | None:
    """About the loss of a well-initialized model, whose first outputs are all near 0.

    Cross entropy of C classes: ln C; of two: ln 2. Squares: the mean square of the targets, from
    their mean and deviation, or, of a log without these, from their variance over the samples and
    the middle of their range; distances: its root. ``None`` for other losses, or where it is not
    known, or there was one sample only, which may be near 0 by chance.

    Args:
        course: The run so far.
    """
    name = course.first_fact("loss.function")
    if name in BINARY:
        return math.log(2) * terms(course)
    if name in CLASSES:
        shape: Sequence[int] = course.first_fact("outputs.shape") or ()
        classes = shape[1] if len(shape) > 1 else 0
        return math.log(classes) * terms(course) if classes > 1 else None
    if name not in ELEMENTWISE:
        return None
    square = _mean_square(course)
    if square is None:
        return None
    return float(square if name in SQUARES else math.sqrt(square)) * terms(course)


def _mean_square(course: Course) -> float | None:
    """Of the targets of the first tracked step; ``None`` if unknown."""
    about = {what: course.first_fact(f"targets.{what}") for what in KNOWN}
    numbers = {what: float(value) for what, value in about.items() if _is_number(value)}
    shape: Sequence[int] = course.first_fact("targets.shape") or ()
    count = next(iter(shape), math.inf)
    if "variance" not in numbers or count < 2:
        return None
    if {"mean", "std"} <= numbers.keys():
        return numbers["mean"] ** 2 + numbers["std"] ** 2
    if not {"min", "max"} <= numbers.keys():
        return None
    middle = (numbers["min"] + numbers["max"]) / 2
    return numbers["variance"] / (1 - 1 / count) + middle**2


@once_a_step
def chance(course: Course) -> float | None:
    """Loss of the best output that does not look at the input, from the targets.

    Cross entropy: the entropy of the classes; squared error: the variance of the targets; binary
    cross entropy: the entropy that belongs to that variance. ``None`` for other losses. The
    targets are those of the last 32 tracked steps; classes also those of the first ones.

    Args:
        course: The run so far.
    """
    function = course.fact("loss.function")
    if function in CLASSES:
        labels = Labels.of(course)
        return _entropy(labels.totals) * terms(course) if labels and labels.samples else None
    variances = [x for x in map(_variance, list(course.steps)[-POOL:]) if x is not None]
    if not variances or function not in (*SQUARES, *BINARY):
        return None
    variance = float(np.mean(variances))
    if function in SQUARES:
        return variance * terms(course)
    p = (1 - math.sqrt(max(0.0, 1 - 4 * variance))) / 2  # p (1 − p) is the variance
    return _entropy(np.array([p, 1 - p])) * terms(course)


def _variance(step: StepView) -> float | None:
    """Of the targets, without the bias that their batch's own mean makes: × N / (N − 1)."""
    variance = step.facts.get("targets.variance")
    count = next(iter(step.facts.get("targets.shape") or ()), math.inf)
    if variance is None or count < 2:
        return None
    return float(variance) / (1 - 1 / count)


def terms(course: Course) -> int:
    """How many terms of the loss a sample has: 1, unless they are summed.

    Args:
        course: The run so far.
    """
    if course.first_fact("loss.reduction", course.header.get("reduction")) != "sum":
        return 1
    shape: Sequence[int] = course.first_fact("targets.shape") or ()
    outputs: Sequence[int] = course.first_fact("outputs.shape") or ()
    has_shares = course.first_fact("loss.function") in CLASSES and [*shape] == [*outputs]
    return math.prod(shape[2:] if has_shares else shape[1:])  # shares of classes are one term


def _entropy(weights: np.ndarray) -> float:
    shares = weights[weights > 0] / weights.sum()
    return float(-(shares * np.log(shares)).sum())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
