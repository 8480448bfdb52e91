"""A loss that is far above that of guessing, before anything was learned."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import TOO_LONG, Reading, above, lamp
from cockpit.lamps.losses import BINARY_LOGITS, BINARY_SHARES, CLASSES, untrained_loss

RATIO, RATIO_OF_NUMBERS = 3.0, 5.0  # of classes; of targets that are numbers
LATEST = 1  # first tracked step
SETTLED = 3  # tracked steps in which the first loss counts, wherever it goes


@lamp(
    title="First loss too high",
    level="caution",
    group="model",
    kind="exact",
    needs=("Loss", "loss.function", "outputs.shape"),
    means="Before the first step the loss is far above that of guessing: the outputs are "
    "confident, and wrong.",
    do="Check the initialization (its scale, above all of the last layer), and whether inputs and "
    "targets are scaled.",
    source="Karpathy (2019), A recipe for training neural networks: verify the loss at init",
    sustain=2,
    inhibits=(*TOO_LONG, "dead_units", "saturated_units", "constant_output"),
)
def first_loss_too_high(course: Course) -> Reading | None:
    """The first tracked loss against that of outputs which are all about zero.

    Cross entropy of C classes: ln C, for two: ln 2; for squares: the mean square of the targets.
    torch's initializations begin at 1.0 to 1.3 times that; 3 times (5 times for numbers, of which
    a small batch says less) is an initialization far too large. A pretrained model
    begins below, and does not count. Only a first tracked step 0 or 1 is judged. From the fourth
    tracked step on the lamp goes out as the loss comes down. It is wrong for weights of classes or
    positive samples far above 1.
    """
    first = course.first[0]
    name, loss = first.facts.get("loss.function"), first.values.get("Loss")
    untrained = untrained_loss(course)
    if first.step > LATEST or loss is None or not untrained or not math.isfinite(loss):
        return None
    of_classes = name in (*CLASSES, *BINARY_LOGITS, *BINARY_SHARES)
    threshold = RATIO if of_classes else RATIO_OF_NUMBERS
    now = course.now.values.get("Loss", math.nan)
    falls = course.count > SETTLED and now < loss
    ratio = (now if falls else loss) / untrained
    return Reading(
        above(max(ratio, 0.0), threshold),
        f"The loss was {loss:.4g} at step {first.step}, {loss / untrained:.3g} times the "
        f"{untrained:.4g} of guessing (over {threshold:.0f} times); it is {now:.4g} now.",
        {"first": loss, "untrained": untrained, "ratio": loss / untrained, "threshold": threshold},
    )
