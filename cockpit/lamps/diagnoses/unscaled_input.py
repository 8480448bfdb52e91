"""Inputs whose numbers are far too large, or far too small."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import TOO_LONG, Reading, above, below, lamp
from cockpit.lamps.losses import untrained_loss
from cockpit.lamps.network import network, normalizes
from cockpit.lamps.statistics import first_loss

LARGE = 20.0  # standard deviation: pixels from 0 to 255 have 60 to 90, scaled inputs up to 5
TINY = 0.01  # largest of all elements: pixels that were divided by 255 twice end at 0.004
CENTRED = 0.5  # offset in spreads; pixels from 0 to 255: 0.8 and more
PIXELS = 100.0  # largest element: above, they are pixels up to 255
GUESSING = 1.5  # times the loss of guessing
MODERATE = 10.0  # root mean square of what the first layer gets


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
    begins with a norm, takes the scale out again, so that it is an advisory; but not where,
    times that scale, the inputs lie more than half a standard deviation off 0, as raw pixels do:
    that is too much for running means (see ``uncentred_input``). It is an advisory for a model that
    scales its inputs itself, too, as with a division by 255: what counts is what its first layer
    gets, a root mean square below 10.
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
        level="advisory" if _is_borne(course) or _is_scaled_inside(course) else None,
    )


def _is_borne(course: Course) -> bool:
    """Whether the model takes out the scale, and there is no offset that comes with it."""
    is_centred = course.fact("inputs.offset", 0.0) < CENTRED
    return network(course).begins_with_norm or (normalizes(course) and is_centred)


def _is_scaled_inside(course: Course) -> bool:
    """Whether the model scales what it is given, before its first layer.

    Where it is not known what that gets (of a compiled model), pixels and a first loss of guessing
    tell; not beside BatchNorm, which would make it a usual one, too.
    """
    size = course.first_fact("model.first_input")
    if size is not None:
        return TINY < size < MODERATE
    if course.fact("inputs.min", -1.0) < 0 or not PIXELS < course.fact("inputs.max", 0.0) <= 255:
        return False
    first, untrained = first_loss(course), untrained_loss(course)
    if first is None or untrained is None or normalizes(course):
        return False
    return first <= GUESSING * untrained and not course.first_fact("model.zero_weights")
