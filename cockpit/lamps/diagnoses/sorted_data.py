"""Batches of one class each."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels, is_a_place, several_each
from cockpit.lamps.lamp import STATISTICAL, Reading, above, lamp
from cockpit.lamps.losses import ELEMENTWISE

CLUSTERING = 0.3  # large batches of data in the order of ten classes: 0.4
FEWEST, FEWEST_PAIRS, FEWEST_BATCHES = 32, 100, 3
ALONE = 96  # samples of one class alone; of classes of 1 to 50, next to none would be so


@lamp(
    title="Sorted data",
    level="warning",
    group="data",
    kind="exact",
    needs=("targets.counts",),
    means="Samples of one batch have the same class far more often than samples of different ones.",
    do="Shuffle the training data (DataLoader(..., shuffle=True)); the model unlearns one class "
    "while it learns the next; or, if these are the targets of a contrastive loss, all 0, silence "
    "this lamp.",
    source="label entropy of the batch against the running one; as a coefficient: our own",
    sustain=2,
    inhibits=("class_imbalance", "wrong_output_size", STATISTICAL),
)
def sorted_data(course: Course) -> Reading | None:
    """How much more alike the labels within a batch are than those of all tracked batches.

    κ = (w − p)/(1 − p): w is the share of pairs of a batch with the same label, p that of all
    pairs. It is 0 on average for shuffled data, however few samples a batch has and however rare a
    class is, and 1 if each batch has one class; 0.4 if each has two or three of ten. Samplers that
    put some classes into a batch on purpose (8 of them, 4 samples each) have 0.1, and the lamp
    lights from 0.3 on. Where each sample has several labels (pixels, words) they
    are alike by nature, so it does not judge.

    As long as there was one class only, κ says nothing, but 96 samples of one class in a row are
    more likely to be sorted than to be all there is: a caution, which hides no statistical lamp.
    Contrastive losses (InfoNCE) are the exception: there the target is a place, always the first.
    A single real class is learned at once; so the lamp goes out where after 32 tracked steps more
    than half of the first loss is left. It is wrong for data that changes its
    nature over time, as it is meant to in continual learning.
    """
    labels = Labels.of(course)
    if course.fact("loss.function") in ELEMENTWISE or labels is None or several_each(course):
        return None
    if len(labels.counts) < FEWEST_BATCHES or labels.samples < FEWEST:
        return None
    if labels.seen == 1:
        return None if course.shape_of("outputs")[1:] == (1,) else _alone(course, labels)
    clustering = labels.clustering
    if math.isnan(clustering) or labels.pairs < FEWEST_PAIRS:
        return None
    return Reading(
        above(max(clustering, 0.0), CLUSTERING),
        f"Labels within a batch are alike by κ = {clustering:.2f} (0: shuffled, 1: one class each; "
        f"over {CLUSTERING}), in {len(labels.counts)} tracked batches with {labels.seen} classes.",
        {"clustering": clustering, "threshold": CLUSTERING},
    )


def _alone(course: Course, labels: Labels) -> Reading:
    """One class so far: the first part of sorted data, or the only one."""
    samples, batches = labels.samples, len(labels.counts)
    return Reading(
        0.0 if is_a_place(course) else above(samples, ALONE),
        f"All {samples} labels of {batches} tracked batches are class "
        f"{int(labels.totals.argmax())} (from {ALONE} samples on): sorted, the only class, or "
        "targets of a contrastive loss.",
        {"samples": samples, "threshold": ALONE, "classes": 1},
        level="caution",
        unsure=True,
    )
