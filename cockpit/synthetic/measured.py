"""What the made-up training loop measures itself, now and then."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cockpit.synthetic.course import Course

USER_RECORDS = 1_000  # at most about as many
FEWEST_STEPS = 20  # between two of them
EPOCHS, SHORTEST_EPOCH = 100, 50


def user_interval(course: Course) -> int:
    """Every how many steps something is measured."""
    return max(FEWEST_STEPS, course.steps // USER_RECORDS)


def measured(course: Course, step: int) -> dict[str, Any]:
    """The record of ``cockpit.log(step, ...)``."""
    learned = float(course.learned(np.array([step]))[0])
    bad = course.diverge_at is not None and step > course.diverge_at
    return {
        "epoch": step // max(SHORTEST_EPOCH, course.steps // EPOCHS),
        "train_accuracy": 0.1 if bad else 1 - 0.9 * math.exp(-4 * learned),
        "valid_accuracy": 0.1 if bad else 0.97 - 0.87 * math.exp(-3.5 * learned),
        "valid_loss": math.nan if bad else 2.0 * math.exp(-3.5 * learned) + 0.35,
    }
