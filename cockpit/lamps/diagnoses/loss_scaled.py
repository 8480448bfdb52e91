"""A gradient that is not that of the mean loss, but a multiple of it."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, lamp
from cockpit.lamps.lookback import TOO_LONG, is_adaptive, is_half, samples
from cockpit.lamps.statistics import decreases

COSINE = 0.99  # below, the gradient is another one, not a multiple
FACTOR = 4.0  # weights of a loss are usually nearer to 1
MATCH = 0.1  # how near to N or 1/N, as a logarithm
LEAP = 0.3  # share of the loss that a step removes, to first order: too far


@lamp(
    title="Loss scaled by accident",
    level="caution",
    group="loss",
    kind="exact",
    needs=("gradient.scale", "gradient.cosine"),
    means="The gradient in .grad is a multiple of the mean individual gradient, so that the "
    "learning rate means something else than it says.",
    do="Use the mean over the batch once: no division of a mean by the batch size, no sum with a "
    "learning rate for the mean.",
    source="our own: the individual gradients say what the mean should be",
    sustain=2,
    inhibits=(*TOO_LONG, "learning_rate_too_small", "clipped_to_nothing", "half_underflow",
              "dead_units", "saturated_units", "decayed_too_early", "noise_floor"),
)  # fmt: skip
def loss_scaled(course: Course) -> Reading | None:
    """``.grad`` has the direction of the mean of the individual gradients, but not its length.

    A factor of the batch size N, or 1/N, is a loss that was summed, or divided twice. It is a
    caution only where it harms: an optimizer that divides the gradient by its own size (Adam and
    its kin) does not feel it, and neither does a sum whose learning rate was chosen for it, i.e.
    whose steps remove less than 30 % of the loss to first order. All others are advisories, as are
    factors that have nothing to do with N (4 or more): a weight of the loss. A loss scale for mixed
    precision is no fault, and does not come here.
    """
    scale, cosine = course.fact("gradient.scale"), course.fact("gradient.cosine")
    if scale is None or cosine is None or is_half(course.fact("gradient.dtype")):
        return None
    if not 0 < scale < math.inf or not cosine >= COSINE:
        return None
    level = _level(course, scale)
    times = f"{scale:.4g} times" if scale >= 1 else f"1/{1 / scale:.4g} of"
    return Reading(
        abs(math.log(scale)) / math.log(FACTOR),
        f"The gradient in .grad is {times} the mean individual gradient (beyond {FACTOR:.0f} or "
        f"1/{FACTOR:.0f}; cosine {cosine:.3f}){_reason(course, scale)}.",
        {"scale": scale, "cosine": cosine, "threshold": FACTOR},
        level=level,
        suggestion=Suggestion("lr", factor=1 / scale) if level == "caution" else None,
    )


def _reason(course: Course, scale: float) -> str:
    count = samples(course)
    if count < 2:
        return ""
    if _is_near(scale, count):
        return f": the loss is a sum over the {count} samples"
    is_inverse = _is_near(scale, 1 / count)
    return f": the loss is divided by the batch size {count} twice" if is_inverse else ""


def _level(course: Course, scale: float) -> Level:
    count = samples(course)
    if is_adaptive(course) or count < 2:
        return "advisory"
    if _is_near(scale, count):
        recent = decreases(course, 8)
        return "caution" if recent.size and np.median(recent) > LEAP else "advisory"
    return "caution" if _is_near(scale, 1 / count) else "advisory"


def _is_near(scale: float, factor: float) -> bool:
    return abs(math.log(scale / factor)) < MATCH
