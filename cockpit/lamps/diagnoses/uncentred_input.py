"""Inputs far from zero, measured in their own spread."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import TOO_LONG, Reading, above, lamp
from cockpit.lamps.network import network

OFFSET = 5.0  # spreads; pixels in [0, 1]: MNIST 0.8, Fashion-MNIST 1.2, photographs 2
FEWEST = 8  # samples: the mean of fewer is far from 0 by accident


@lamp(
    title="Uncentred inputs",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.offset",),
    means="The inputs differ little compared with how far they all are from zero.",
    do="Subtract the mean of the training data from each feature (or channel) before the model.",
    source="LeCun et al. (1998), Efficient BackProp, 4.3",
    sustain=2,
    inhibits=(*TOO_LONG, "first_loss_too_high", "constant_output", "dead_units", "saturated_units",
              "learning_rate_too_small", "vanishing_gradients"),
)  # fmt: skip
def uncentred_input(course: Course) -> Reading | None:
    """What all samples share makes one direction of the loss far steeper than all others.

    The curvature along it is 1 + offset² times that of the others, which the learning rate has to
    bear. The offset is the mean of the features over their standard deviation, both as root mean
    squares over the features. Pixels between 0 and 1 are at 1 or 2 and train well; 5 is a ratio of
    26. Batches of fewer than 8 samples are not judged. With a norm as the first layer it is
    an advisory. BatchNorm further in takes the offset out in training only: each step moves what
    all samples share by so much that its running mean, which evaluation takes, lags far behind. It
    may be wrong for pictures of text, nearly all of which is paper.
    """
    offset = course.fact("inputs.offset")
    if offset is None or course.samples < FEWEST:
        return None
    return Reading(
        above(offset, OFFSET),
        f"The means of the inputs are {offset:.3g} times their standard deviations (over "
        f"{OFFSET:.0f} is too much).",
        {"offset": offset, "threshold": OFFSET},
        level="advisory" if network(course).begins_with_norm else None,
    )
