"""Batches in which noise hides the signal."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, below, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.network import is_integer
from cockpit.lamps.pace import begins_trained
from cockpit.lamps.statistics import (
    critical_batch_size,
    left,
    median_loss,
    progress,
    signal,
)

WINDOW = 16  # tracked steps in each of two windows
SIGNAL = 0.1  # prototype, and weak: noise alone gives 0 to 0.1
EARLY = 0.5  # of the first loss: near a minimum, noise always wins
FALL = 0.02  # logarithm of a fall of the loss that is progress
AT_CHANCE = 0.95  # of the loss of chance: there, the targets may be at fault
MOST = 16.0  # times as large at once
FEW = 2  # samples of a step; for classes: labels
POSITIONS = 1024  # of a picture: then its own mean and variance are good enough
BEGINNING, LATER = 8, 12  # tracked steps whose mean loss is where the run began, or where it is
BEGUN, UNPLANNED = 0.15, 64  # of the planned steps; tracked steps where none are planned
UNLEARNED = 0.95  # of that loss
LATE, SLOW = 0.4, 0.6  # of the planned steps; of that loss, by then


@lamp(
    title="Batch too small",
    level="advisory",
    group="data",
    kind="statistical",
    needs=("Loss",),
    means="The batch gradient is nearly all noise, and the loss does not fall.",
    do="Enlarge the batch, or accumulate gradients over several; a lower learning rate averages, "
    "too.",
    source="Byrd et al. (2012); McCandlish et al. (2018); Ioffe and Szegedy (2015) for batch "
    "normalization; thresholds: our own measurements",
    sustain=4,
    inhibits=(
        "constant_output",
        "diverged",
        "learning_rate_too_large",
        "noisy_labels",
        "update_ratio",
        "wrong_labels",
    ),
)
def batch_too_small(course: Course) -> Reading | None:
    """The noise of the batch drowns what its samples agree on, and the loss shows it.

    s, the signal's share of the batch gradient, is below 0.1 in the median of 16 tracked steps,
    while the loss is above half of its first value, below that of chance, and not falling (less
    than 2 % in 16 tracked steps). Many good runs use batches this small, so it is only something to
    know.

    It is a caution where a step has one or two samples (for classes: labels), of all its parts
    together, and

    - batch normalization is in training mode: mean and variance of two samples are noise, unless
      each has more than 1024 positions of its own; or
    - after 15 % of the run the mean loss of 12 to 16 tracked steps is still above 0.95 of that of
      the first 8 (runs with the learning rate of a larger batch: 0.95 to 1.7), and the model was
      not trained before. Runs with single samples that learn stay dark.
    """
    return _tiny(course) or _noisy(course)


def _noisy(course: Course) -> Reading | None:
    """Of batches of any size: noise wins, and the loss rests."""
    share, loss = signal(course, WINDOW), left(course, WINDOW)
    if math.isnan(share) or loss is None or course.count < 2 * WINDOW:
        return None
    if share >= 2 * SIGNAL or not EARLY <= loss < 1:
        return Reading(0.0, f"The signal share of the batch gradient is {share:.2f}.")
    moved = progress(course, WINDOW)
    if moved is None:
        return None
    guess, level = chance(course), median_loss(course, WINDOW)
    at_chance = guess is not None and level is not None and level >= AT_CHANCE * guess
    early = moved.fall < FALL and not at_chance
    size = course.now.batch_size
    factor = min(critical_batch_size(course, WINDOW) / size, MOST) if size else None
    return Reading(
        below(share, SIGNAL) if early else 0.0,
        f"The signal share of the batch gradient is {share:.2f} (below {SIGNAL}) with {size} "
        f"samples, and the loss fell by {-math.expm1(-moved.fall):.1%} in {moved.steps:.0f} steps.",
        {"signal": share, "threshold": SIGNAL, "fall": moved.fall, "loss_left": loss},
        suggestion=Suggestion("batch_size", factor=factor),
    )


def _tiny(course: Course) -> Reading | None:
    """Of steps with one or two samples; ``None`` if there are more, or too early to say."""
    size, grow = course.now.batch_size, Suggestion("batch_size", factor=MOST)
    if size is None or size > FEW:
        return None
    if _normalizes(course):
        return Reading(
            2.0,
            f"A step has {size} samples (at most {FEW}), and batch normalization takes their mean "
            "and variance for those of all data.",
            {"samples": float(size), "threshold": float(FEW)},
            level="caution",
            suggestion=grow,
        )
    kept = _kept(course)
    if size * _labels(course) > FEW or kept is None:
        return None
    is_late = course.planned_steps and course.now.step >= LATE * course.planned_steps
    threshold = SLOW if is_late else UNLEARNED
    return Reading(
        above(kept, threshold) if kept >= threshold else 0.0,
        f"A step has {size} samples (at most {FEW}), and the mean loss is {kept:.3g} × that of the "
        f"first {BEGINNING} tracked steps (over {threshold}).",
        {"samples": float(size), "loss_left": kept, "threshold": threshold},
        level="caution",
        suggestion=grow,
    )


def _normalizes(course: Course) -> bool:
    """Whether batch normalization is at work with few numbers for each feature."""
    positions = math.prod(course.shape_of("inputs")[2:])
    at_work = course.fact("model.modules_bn") and course.fact("model.training", True)
    return bool(at_work) and not course.fact("model.evaluating") and positions <= POSITIONS


def _labels(course: Course) -> int:
    """Labels of a sample: a text has many."""
    if not is_integer(course.fact("targets.dtype", "")):
        return 1
    return math.prod(course.shape_of("targets")[1:])


def _kept(course: Course) -> float | None:
    """Mean loss, relative to that of the beginning; ``None`` where it is too early to say."""
    planned = course.planned_steps
    if course.now.step < BEGUN * planned if planned else course.count < UNPLANNED:
        return None
    began = [s.values["Loss"] for s in course.first if "Loss" in s.values]
    later = min(course.count - BEGINNING, WINDOW)
    if len(began) < BEGINNING or later < LATER or begins_trained(course):
        return None
    start, now = float(np.mean(began)), float(np.mean(course.last("Loss", later)))
    return now / start if start > 0 and math.isfinite(now) else None
