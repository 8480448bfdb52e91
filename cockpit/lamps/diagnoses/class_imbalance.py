"""One class has nearly all samples."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels, is_a_place, several_each
from cockpit.lamps.lamp import Reading, below, lamp
from cockpit.lamps.losses import ELEMENTWISE

EVENNESS = 0.5  # of two classes: 89 to 11; 70 to 30 has 0.88
FEWEST, FEWEST_BATCHES = 32, 3  # samples; tracked batches, where all are of one class


@lamp(
    title="Class imbalance",
    level="caution",
    group="data",
    kind="exact",
    needs=("targets.counts",),
    means="Nearly all samples belong to one class: a model that always says it has a small loss.",
    do="Measure the accuracy of each class, and weight the loss or draw rare classes more often; "
    "if the data has other classes than these, see that it is shuffled.",
    source="a check of the data that most tools leave to the user",
    sustain=2,
    inhibits=("wrong_output_size", "wrong_labels", "converged"),
)
def class_imbalance(course: Course) -> Reading | None:
    """Entropy of the labels so far, relative to that of as many classes that are equally frequent.

    Classes that never came are left out, so that a large head does no harm. The threshold, 0.5, is
    89 to 11 with two classes; words and characters of a text have about 0.75. Where each sample has
    many labels (pixels, words) a large background class is usual: an advisory.

    While there is one class only, it is this lamp from 32 samples on, and ``sorted_data`` from 96
    on: two equally frequent classes would give 32 of one in a row once in four billion runs.
    Contrastive losses, whose targets are a place, put it out after 32 tracked steps.
    """
    labels = Labels.of(course)
    if course.fact("loss.function") in ELEMENTWISE or labels is None or labels.samples < FEWEST:
        return None
    if course.shape_of("outputs")[1:] == (1,):
        return None  # wrong_output_size speaks of that
    if labels.seen == 1:
        return _alone(course, labels)
    largest = int(np.argmax(labels.totals))
    share = labels.totals[largest] / labels.samples
    evenness = labels.evenness
    return Reading(
        below(max(evenness, 1e-3), EVENNESS),
        f"{share:.1%} of the {labels.samples} labels so far are class {largest}; the entropy of "
        f"the {labels.seen} classes seen is {evenness:.2f} of its maximum (under {EVENNESS}).",
        {"evenness": evenness, "threshold": EVENNESS, "largest_share": float(share)},
        level="advisory" if several_each(course) else None,
    )


def _alone(course: Course, labels: Labels) -> Reading | None:
    """One class so far."""
    batches = len(labels.counts)
    if batches < FEWEST_BATCHES or several_each(course):
        return None
    return Reading(
        0.0 if is_a_place(course) else labels.samples / FEWEST,
        f"All {labels.samples} labels of {batches} tracked batches are class "
        f"{int(labels.totals.argmax())} (from {FEWEST} samples on): the only class, or nearly; "
        "sorted data; or targets of a contrastive loss.",
        {"evenness": 0.0, "threshold": EVENNESS, "largest_share": 1.0},
        unsure=True,
    )
