"""One class has nearly all samples."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels, several_each
from cockpit.lamps.lamp import Reading, below, lamp
from cockpit.lamps.losses import ELEMENTWISE

EVENNESS = 0.5  # of two classes: 89 to 11; 70 to 30 has 0.88
FEWEST = 32  # samples


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
    89 to 11 with two classes; words and characters of a text have about 0.75. While there is one
    class only, ``sorted_data`` speaks. Where each sample has many labels (pixels, words) a large
    background class is usual: an advisory.
    """
    labels = Labels.of(course)
    if course.fact("loss.function") in ELEMENTWISE or labels is None or labels.samples < FEWEST:
        return None
    if labels.seen == 1 or course.shape_of("outputs")[1:] == (1,):
        return None  # sorted_data and wrong_output_size speak of that
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
