"""A model whose outputs are too many, or too few."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.labels import Labels
from cockpit.lamps.lamp import Reading, lamp
from cockpit.lamps.losses import CLASSES
from cockpit.lamps.network import is_integer

FACTOR = 2.0  # outputs for each class
FEWEST, EACH = 200, 20  # samples, and samples for each class seen


@lamp(
    title="Wrong number of outputs",
    level="advisory",
    group="model",
    kind="exact",
    needs=("loss.function", "outputs.shape"),
    means="The model has another number of outputs than there are classes.",
    do="Set the size of the last layer to the number of classes.",
    source="our own",
    sustain=2,
)
def wrong_output_size(course: Course) -> Reading | None:
    """Outputs against the labels of the tracked batches so far, for losses of classes.

    Outputs that no label ever asks for are unlearned soon: an advisory, and only if they are twice
    as many as the classes, after 200 samples and 20 for each class. Whole numbers as inputs are
    taken for text, whose vocabulary is larger than any batch. A single output, on the other hand,
    makes the cross entropy 0 whatever happens: a warning. Fewer outputs than classes are an error
    in torch already.
    """
    shape = course.shape_of("outputs")
    if course.fact("loss.function") not in CLASSES or len(shape) < 2:
        return None
    if shape[1] == 1:
        return Reading(
            2.0,
            f"The model has 1 output for each sample (shape {list(shape)}), for a loss of classes "
            "(expected: 2 or more).",
            {"outputs": 1},
            level="warning",
        )
    labels = Labels.of(course)
    if labels is None or is_integer(course.fact("inputs.dtype")):
        return None
    if labels.samples < max(FEWEST, EACH * labels.seen):
        return None
    classes = labels.counts.shape[1]
    return Reading(
        shape[1] / (FACTOR * classes),
        f"The model has {shape[1]} outputs; the largest of {labels.samples} labels is "
        f"{classes - 1} (over {FACTOR:.0f} times as many outputs as classes).",
        {"outputs": shape[1], "classes": classes, "threshold": FACTOR},
    )
