"""What the training loop logged of its evaluations: ``cockpit.log(step, valid_loss=…)``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cockpit.lamps.course import Course, once_a_step

__all__ = ["Evaluations", "evaluations", "no_evaluations"]

PREFIXES = ("valid_", "val_", "validation_")
LOSSES = ("loss", "nll", "perplexity", "error", "mse", "mae")  # smaller is better
SCORES = ("accuracy", "acc", "f1", "auc", "score")  # larger is better, at most 1 or 100


@dataclass(frozen=True)
class Evaluations:
    """A series of numbers of which smaller ones are better.

    Of a long one the first, the best, and the last 256.

    Attributes:
        name: As the training loop called it.
        steps: When, shape [E].
        values: The numbers, shape [E]; of scores what they lack to 1, or to 100.
        is_loss: Whether it can be compared with the training loss.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray
    is_loss: bool


@once_a_step
def evaluations(course: Course) -> Evaluations | None:
    """The best series there is: losses before other errors, these before scores.

    Of several the one with the shortest name: ``val_loss`` is the whole, ``val_box_loss`` a part.

    Args:
        course: The run so far.
    """
    named = {name: _kind(name) for name in course.user}
    ranked = sorted((kind, len(name), name) for name, kind in named.items() if kind is not None)
    if not ranked:
        return None
    rank, _, name = ranked[0]
    if name not in course.extremes:
        return None
    is_score = rank >= len(LOSSES)
    known = course.extremes[name]
    recent = [pair for pair in course.user[name] if np.isfinite(pair[1])]
    early = dict.fromkeys((known.first, known.highest if is_score else known.lowest))
    pairs = [*(pair for pair in early if pair not in recent), *recent]
    steps, values = np.array(pairs, dtype=float).T
    if is_score:
        values = (1 if values.max() <= 1 else 100) - values
    return Evaluations(name, steps, values, is_loss=rank == 0)


def no_evaluations(course: Course) -> str:
    """Why lamps of validation cannot judge; empty if they can."""
    if any(_kind(name) is not None for name in course.user):
        return ""
    return "needs a validation loss: cockpit.log(step, valid_loss=…)"


def _kind(name: str) -> int | None:
    prefix = next((p for p in PREFIXES if name.startswith(p)), None)
    words = name[len(prefix) :].split("_") if prefix else []
    return next((i for i, word in enumerate(LOSSES + SCORES) if word in words), None)
