"""Inputs whose numbers are far too large, or far too small."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import TOO_LONG, Reading, above, below, lamp
from cockpit.lamps.network import normalizes

LARGE = 20.0  # standard deviation: pixels from 0 to 255 have 60 to 90, scaled inputs up to 5
TINY = 0.01  # largest of all elements: pixels that were divided by 255 twice end at 0.004


@lamp(
    title="Unscaled inputs",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.std", "inputs.min", "inputs.max"),
    means="The inputs are far larger, or far smaller, than what layers are initialized for.",
    do="Subtract the mean and divide by the standard deviation of the training data; bring pixels "
    "to [0, 1] first, once.",
    source="LeCun et al. (1998), Efficient BackProp, 4.3",
    sustain=2,
    inhibits=(
        *TOO_LONG,
        "uncentred_input",
        "first_loss_too_high",
        "constant_output",
        "dead_units",
        "saturated_units",
        "learning_rate_too_small",
    ),
)
def unscaled_input(course: Course) -> Reading | None:
    """The initialization of layers takes inputs of about unit variance for granted.

    With inputs 80 times as large, so are the first outputs, and the gradient of the first layer
    allows a learning rate 6,400 times smaller only. The lamp looks at the inputs themselves: a
    standard deviation over 20, or no element beyond ±0.01. One-hot and other sparse inputs have a
    small standard deviation and elements of 1: they are fine. A model with BatchNorm, or that
    begins with a norm, takes the scale out again, so that it is an advisory. It is wrong for a
    model that divides by 255 itself, by hand.
    """
    std = course.fact("inputs.std")
    if std is None:
        return None
    largest = max(abs(course.fact("inputs.min", 0.0)), abs(course.fact("inputs.max", 0.0)))
    small = below(largest, TINY) if largest > 0 else 0.0
    return Reading(
        max(above(std, LARGE), small),
        f"The inputs have standard deviation {std:.3g} (1 is usual, over {LARGE:.0f} is too much), "
        f"the largest is {largest:.3g} (under {TINY} is too little).",
        {"std": std, "largest": largest, "large": LARGE, "tiny": TINY},
        level="advisory" if normalizes(course) else None,
    )
