"""Batches whose samples all say the same."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.statistics import critical_batch_size, left, median

WINDOW = 16  # tracked steps
PATIENCE = 32  # tracked steps: at the start all samples agree
NOISE = 0.2  # NormTest: prototype, and weak
LEARNED = 0.9  # of the first loss
LARGE = 32  # samples: smaller ones cost hardly less
LEAST = 1 / 16  # of the size at once


@lamp(
    title="Batch larger than needed",
    level="advisory",
    group="data",
    kind="statistical",
    needs=("NormTest", "Loss"),
    means="The samples of a batch agree so well that a part of them would do.",
    do="Use smaller batches, and more steps for the same number of samples.",
    source="Byrd et al. (2012); McCandlish et al. (2018); threshold: our own measurements",
    sustain=4,
)
def batch_too_large(course: Course) -> Reading | None:
    """Samples that agree are worth one sample.

    The norm test's value, noise of the batch gradient relative to its length, is below 0.2 in the
    median of 16 tracked steps, after 32 tracked steps and with the loss below 0.9 of its first
    value: at the start, all samples agree anyway. The suggestion is where signal and noise are
    alike. It costs time only.
    """
    noise, loss = median(course.last("NormTest", WINDOW), WINDOW // 2), left(course)
    size = course.now.batch_size
    if math.isnan(noise) or loss is None or size is None or course.count < PATIENCE:
        return None
    factor = max(critical_batch_size(course, WINDOW) / size, LEAST)
    return Reading(
        below(noise, NOISE) if size >= LARGE and loss < LEARNED else 0.0,
        f"NormTest is {noise:.2g} (below {NOISE}) with {size} samples, in the median of the last "
        f"{WINDOW} tracked steps.",
        {"noise": noise, "threshold": NOISE, "batch_size": float(size)},
        suggestion=Suggestion("batch_size", factor=factor),
    )
