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
    "untrained_loss",
]

CLASSES = ("CrossEntropyLoss", "NLLLoss")
BINARY_LOGITS = ("BCEWithLogitsLoss",)
BINARY_SHARES = ("BCELoss",)
SQUARES = ("MSELoss",)
DISTANCES = ("L1Loss", "SmoothL1Loss", "HuberLoss")
ELEMENTWISE = (*SQUARES, *DISTANCES)
"""Those that compare outputs and targets element by element, and expand either to the other."""


def untrained_loss(course: Course) -> float | None:
    """About the loss of a well-initialized model, whose first outputs are all near 0.

    Cross entropy of C classes: ln C; of two: ln 2. Squares: the mean square of the targets, taken
    from their variance and the middle of their range; distances: its root. ``None`` for other
    losses, or where it is not known.

    Args:
        course: The run so far.
    """
    name = first_fact(course, "loss.function")
    if name in (*BINARY_LOGITS, *BINARY_SHARES):
        return math.log(2) * _per_sample(course)
    if name in CLASSES:
        shape: Sequence[int] = first_fact(course, "outputs.shape") or ()
        classes = shape[1] if len(shape) > 1 else 0
        return math.log(classes) * _per_sample(course) if classes > 1 else None
    if name not in ELEMENTWISE:
        return None
    found = [first_fact(course, f"targets.{what}") for what in ("variance", "min", "max")]
    if any(not _is_number(value) for value in found):
        return None
    variance, low, high = found
    square = variance + ((low + high) / 2) ** 2
    return float(square if name in SQUARES else math.sqrt(square)) * _per_sample(course)


def _per_sample(course: Course) -> int:
    """How many terms of the loss a sample has: 1, if the loss is their mean."""
    if first_fact(course, "loss.reduction", course.header.get("reduction")) != "sum":
        return 1
    shape: Sequence[int] = first_fact(course, "targets.shape") or ()
    return math.prod(shape[1:])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
