"""What is known of torch's loss functions, and the losses that need no look at the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cockpit.lamps.course import Course, once_a_step
from cockpit.lamps.labels import Labels
from cockpit.lamps.statistics import fact_series

__all__ = [
    "BINARY_LOGITS",
    "BINARY_SHARES",
    "CLASSES",
    "ELEMENTWISE",
    "SQUARES",
    "chance",
    "terms",
    "untrained_loss",
]

CLASSES = ("CrossEntropyLoss", "NLLLoss")
BINARY_LOGITS = ("BCEWithLogitsLoss",)
BINARY_SHARES = ("BCELoss",)
SQUARES = ("MSELoss",)
DISTANCES = ("L1Loss", "SmoothL1Loss", "HuberLoss")
BINARY = (*BINARY_LOGITS, *BINARY_SHARES)
ELEMENTWISE = (*SQUARES, *DISTANCES)
"""Those that compare outputs and targets element by element, and expand either to the other."""

POOL = 32  # tracked steps whose targets stand for all


def untrained_loss(course: Course) -> float | None:
    """About the loss of a well-initialized model, whose first outputs are all near 0.

    Cross entropy of C classes: ln C; of two: ln 2. Squares: the mean square of the targets, taken
    from their variance and the middle of their range; distances: its root. ``None`` for other
    losses, or where it is not known.

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
    found = [course.first_fact(f"targets.{what}") for what in ("variance", "min", "max")]
    if any(not _is_number(value) for value in found):
        return None
    variance, low, high = found
    square = variance + ((low + high) / 2) ** 2
    return float(square if name in SQUARES else math.sqrt(square)) * terms(course)


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
    variances = fact_series(course, "targets.variance", POOL)
    if not variances or function not in (*SQUARES, *BINARY):
        return None
    variance = float(np.mean(variances))
    if function in SQUARES:
        return variance * terms(course)
    p = (1 - math.sqrt(max(0.0, 1 - 4 * variance))) / 2  # p (1 − p) is the variance
    return _entropy(np.array([p, 1 - p])) * terms(course)


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
