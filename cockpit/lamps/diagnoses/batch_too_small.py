"""Batches in which noise hides the signal."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.losses import chance
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


@lamp(
    title="Batch too small",
    level="advisory",
    group="data",
    kind="statistical",
    needs=("NormTest", "Loss"),
    means="Early in training, the batch gradient is nearly all noise, and the loss does not fall.",
    do="Enlarge the batch, or accumulate gradients over several; a lower learning rate averages, "
    "too.",
    source="Byrd et al. (2012); McCandlish et al. (2018); thresholds: our own measurements",
    sustain=4,
)
def batch_too_small(course: Course) -> Reading | None:
    """The noise of the batch drowns what its samples agree on, and the loss shows it.

    s, the signal's share of the batch gradient, is below 0.1 in the median of 16 tracked steps,
    while the loss is above half of its first value, below that of chance, and not falling (less
    than 2 % in 16 tracked steps).

    Many good runs use batches this small, so it is only something to know.
    """
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
