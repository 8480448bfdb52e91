"""Batches of one class each."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels
from cockpit.lamps.lamp import STATISTICAL, Reading, above, lamp
from cockpit.lamps.lookback import shape_of
from cockpit.lamps.losses import ELEMENTWISE

CLUSTERING = 0.5
FEWEST, FEWEST_PAIRS, FEWEST_BATCHES = 32, 100, 3
ALONE = 128  # samples of one class alone; of classes of 1 to 500, one in ten would have none


@lamp(
    title="Sorted data",
    level="warning",
    group="data",
    kind="exact",
    needs=("targets.counts",),
    means="Samples of one batch have the same class far more often than samples of different ones.",
    do="Shuffle the training data (DataLoader(..., shuffle=True)); the model unlearns one class "
    "while it learns the next.",
    source="label entropy of the batch against the running one; as a coefficient: our own",
    sustain=2,
    inhibits=("class_imbalance", "wrong_output_size", STATISTICAL),
)
def sorted_data(course: Course) -> Reading | None:
    """How much more alike the labels within a batch are than those of all tracked batches.

    κ = (w − p)/(1 − p): w is the share of pairs of a batch with the same label, p that of all
    pairs. It is 0 on average for shuffled data, however few samples a batch has and however rare a
    class is, and 1 if each batch has one class. Samplers that put a few of many classes into a
    batch on purpose are well below 0.5. As long as there was one class only, κ says nothing, but
    128 samples of one class in a row are more likely to be sorted than to be all there is. It is
    wrong for data that changes its nature over time, as it is meant to in continual learning.
    """
    labels = Labels.of(course)
    if course.fact("loss.function") in ELEMENTWISE or labels is None:
        return None
    if len(labels.counts) < FEWEST_BATCHES or labels.samples < FEWEST:
        return None
    if labels.seen == 1:
        return None if shape_of(course, "outputs")[1:] == (1,) else _alone(labels)
    clustering = labels.clustering
    if math.isnan(clustering) or labels.pairs < FEWEST_PAIRS:
        return None
    return Reading(
        above(max(clustering, 0.0), CLUSTERING),
        f"Labels within a batch are alike by κ = {clustering:.2f} (0: shuffled, 1: one class each; "
        f"over {CLUSTERING}), in {len(labels.counts)} tracked batches with {labels.seen} classes.",
        {"clustering": clustering, "threshold": CLUSTERING},
    )


def _alone(labels: Labels) -> Reading:
    """One class so far: the first part of sorted data, or the only one."""
    samples, batches = labels.samples, len(labels.counts)
    return Reading(
        above(samples, ALONE),
        f"All {samples} labels of {batches} tracked batches are class "
        f"{int(labels.totals.argmax())} (from {ALONE} samples on): sorted, or the only class.",
        {"samples": samples, "threshold": ALONE, "classes": 1},
    )
