"""A part of the labels that belong to other samples."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels
from cockpit.lamps.lamp import Reading, above, lamp

WINDOW = 8  # tracked steps, of which there are two
PATIENCE = 0.4  # of the planned steps: before, a healthy model has not seen enough
PATIENCE_UNPLANNED = 64  # tracked steps
NOISE = 0.18  # healthy: up to 0.14 (text), classes of pictures 0.02; a third of wrong ones: 0.2
LEVEL = 0.55  # last quarter over third: healthy up to 0.35, wrong labels 0.58 to 1.04
LEARNED = 0.36  # in the first quarter; 0.25 is chance
STAYS, SETTLED = 0.7, 0.08  # the last quarter does not empty, the first does not fill any more
FROZEN = 0.5  # of the model: what is left may not be able to tell the classes apart
SAMPLES = 4  # of a batch: among fewer, it does not show how frequent a class is
CLASSES = 4.0  # as many equally frequent ones; of fewer, quarters say little


@lamp(
    title="Some labels are wrong",
    level="caution",
    group="data",
    kind="statistical",
    needs=("labels.quarters", "targets.counts"),
    means="A part of the labels stands anywhere among the classes, also among those that the model "
    "finds least likely, and that does not get better: they seem to belong to other samples.",
    do="Look at the samples with the largest losses beside their labels, and at where the labels "
    "come from; a robust loss or label smoothing limits the harm.",
    source="our own; cf. Northcutt et al. (2021), Confident learning, and Arpit et al. (2017), A "
    "closer look at memorization",
    sustain=3,
    inhibits=("noise_floor", "batch_too_small"),
)
def noisy_labels(course: Course) -> Reading | None:
    """Where the wrong labels stand when the classes are sorted by the model's outputs.

    A model that errs on a sample of which the label is right mostly has that label second or third.
    A label that belongs to another sample stands anywhere. So the classes, sorted by the sample's
    outputs and each as wide as it is frequent, are cut into four quarters (the fact
    ``labels.quarters``): what is in the last one, times four, is the share of labels that say
    nothing, or a little more than that.

    It is judged after 0.4 of the run, on two windows of 8 tracked steps: 0.18 and more say
    nothing, the last quarter has at least 0.55 of the third one, and is not emptying; and the model
    has learned something (0.36 of all in the first quarter). A network that learns the wrong labels
    by heart later puts the lamp out. There have to be four classes or more, and as many
    samples in a batch. It is wrong where the classes of a sample are truly a matter of chance, as
    draws from a wide distribution look the same.
    """
    found = [s.facts["labels.quarters"] for s in course.steps if "labels.quarters" in s.facts]
    if len(found) < 2 * WINDOW or not _late(course) or (course.now.batch_size or 0) < SAMPLES:
        return None
    labels = Labels.of(course)
    if labels is None or labels.width < CLASSES or course.fact("model.frozen_share", 0.0) > FROZEN:
        return None
    earlier, now = np.array(found[-2 * WINDOW :]).reshape(2, WINDOW, 4).mean(1)
    first, _, third, last = (earlier + now) / 2
    level = (
        last >= LEVEL * third
        and now[3] >= STAYS * earlier[3]
        and first >= LEARNED
        and now[0] - earlier[0] < SETTLED
    )
    noise = 4 * last
    return Reading(
        above(noise, NOISE) if level else 0.0,
        f"About {noise:.0%} of the labels say nothing of their samples (threshold {NOISE:.0%}): of "
        f"the last {2 * WINDOW} tracked batches {last:.1%} of the labels are in the quarter that "
        f"the model finds least likely, {third:.1%} in the one before.",
        {"noise": noise, "threshold": NOISE, "third": third, "last": last},
    )


def _late(course: Course) -> bool:
    if course.planned_steps is None:
        return course.count >= PATIENCE_UNPLANNED
    return course.now.step >= PATIENCE * course.planned_steps
