"""Accuracy: whatever accuracies the user logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import history_panel
from cockpit.instruments.panel import Axis
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.user_scalars import user_curves

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


def is_accuracy(name: str) -> bool:
    """Whether a user-logged scalar is an accuracy, by its name: ``val_acc``, ``trainAccuracy``."""
    words = re.split(r"[^a-z]+", name.lower())
    return any(word.endswith(("acc", "accuracy")) for word in words)


@instrument(
    name="accuracy",
    title="Accuracy",
    group="performance",
    order=20,
    needs=(),
    claims=is_accuracy,
    help=Help(
        shows="The accuracies that the training loop logged, for example "
        "cockpit.log(step, train_accuracy=0.93).",
        good="They rise together and level off.",
        bad="At the level of guessing. Or training far above validation: overfitting.",
        do="At guessing: check labels, loss and learning rate. Overfitting: regularize, augment "
        "the data, or stop.",
        source="Thesis section 7.1.",
    ),
)
def accuracy(log: RunLog, view: View) -> Panel | None:
    """All accuracies on one linear axis."""
    curves = user_curves(log, is_accuracy)
    values = [c.value[np.isfinite(c.value)] for c in curves]
    fractions = bool(curves) and all(((v >= 0) & (v <= 1)).all() for v in values)
    axis = Axis("accuracy", range=(0.0, 1.0)) if fractions else Axis("accuracy")
    return history_panel(log, view, curves, axis=axis)
