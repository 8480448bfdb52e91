"""What is known of torch's loss functions, and the loss that a model has before it is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cockpit.lamps.course import Course
from cockpit.lamps.lookback import first_fact

__all__ = [
    "BINARY_LOGITS",
    "BINARY_SHARES",
    "CLASSES",
    "ELEMENTWISE",
    "SQUARES",
    "terms_of_a_sample",
    "untrained_loss",
]

CLASSES = ("CrossEntropyLoss", "NLLLoss")
BINARY_LOGITS = ("BCEWithLogitsLoss",)
BINARY_SHARES = ("BCELoss",)
SQUARES = ("MSELoss",)
KNOWN = ("mean", "std", "variance", "min", "max")  # of targets
DISTANCES = ("L1Loss", "SmoothL1Loss", "HuberLoss")
ELEMENTWISE = (*SQUARES, *DISTANCES)
"""Those that compare outputs and targets element by element, and expand either to the other."""


def untrained_loss(course: Course) -> float | None:
    """About the loss of a well-initialized model, whose first outputs are all near 0.

    Cross entropy of C classes: ln C; of two: ln 2. Squares: the mean square of the targets, from
    their mean and deviation, or, of a log without these, from their variance over the samples and
    the middle of their range; distances: its root. ``None`` for other losses, or where it is not
    known, or there was one sample only, which may be near 0 by chance.

    Args:
        course: The run so far.
    """
    name = first_fact(course, "loss.function")
    if name in (*BINARY_LOGITS, *BINARY_SHARES):
        return math.log(2) * terms_of_a_sample(course)
    if name in CLASSES:
        shape: Sequence[int] = first_fact(course, "outputs.shape") or ()
        classes = shape[1] if len(shape) > 1 else 0
        return math.log(classes) * terms_of_a_sample(course) if classes > 1 else None
    if name not in ELEMENTWISE:
        return None
    square = _mean_square(course)
    if square is None:
        return None
    return float(square if name in SQUARES else math.sqrt(square)) * terms_of_a_sample(course)


def _mean_square(course: Course) -> float | None:
    """Of the targets of the first tracked step; ``None`` if unknown."""
    about = {what: first_fact(course, f"targets.{what}") for what in KNOWN}
    numbers = {what: float(value) for what, value in about.items() if _is_number(value)}
    shape: Sequence[int] = first_fact(course, "targets.shape") or ()
    count = next(iter(shape), math.inf)
    if "variance" not in numbers or count < 2:
        return None
    if {"mean", "std"} <= numbers.keys():
        return numbers["mean"] ** 2 + numbers["std"] ** 2
    if not {"min", "max"} <= numbers.keys():
        return None
    middle = (numbers["min"] + numbers["max"]) / 2
    return numbers["variance"] / (1 - 1 / count) + middle**2


def terms_of_a_sample(course: Course) -> int:
    """How many terms of the loss a sample has: 1, if the loss is their mean."""
    if first_fact(course, "loss.reduction", course.header.get("reduction")) != "sum":
        return 1
    shape: Sequence[int] = first_fact(course, "targets.shape") or ()
    return math.prod(shape[1:])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
