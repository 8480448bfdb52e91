"""A gradient that is not that of the mean loss, but a multiple of it."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.lookback import TOO_LONG, is_adaptive
from cockpit.lamps.statistics import decreases

COSINE = 0.99  # below, the gradient is another one, not a multiple
FACTOR = 4.0  # weights of a loss are usually nearer to 1
MATCH = 0.1  # how near to N or 1/N, as a logarithm
FEWEST = 4  # samples
RECENT = 8  # tracked steps
LEAP = 0.3  # share of the loss that a step removes, to first order; healthy: at most 0.2


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

    A factor of 1/N, with the batch size N, is a mean that was divided by it once more; N is a sum.
    Optimizers that divide the gradient by its own size (Adam and its kin) don't feel a factor:
    an advisory. So are factors that have nothing to do with N (4 or more): a weight of the loss.
    A loss with ``reduction="sum"`` is written on purpose, and its learning rate may be made for
    it: it only counts (as a caution) where steps remove more than 30 % of the loss to first order.
    A loss scale for mixed precision is no fault, and is taken out before.
    """
    scale, cosine = course.fact("gradient.scale"), course.fact("gradient.cosine")
    if scale is None or cosine is None or not 0 < scale < math.inf or not cosine >= COSINE:
        return None
    count = course.now.batch_size or 0
    if course.header.get("reduction") == "sum" and abs(math.log(scale)) < MATCH:
        return _summed(course, count)
    times = f"{scale:.4g} times" if scale >= 1 else f"1/{1 / scale:.4g} of"
    reason = _reason(scale, count)
    is_harmful = bool(reason) and not is_adaptive(course)
    return Reading(
        abs(math.log(scale)) / math.log(FACTOR),
        f"The gradient in .grad is {times} the mean individual gradient (beyond {FACTOR:.0f} or "
        f"1/{FACTOR:.0f}; cosine {cosine:.3f}){reason}.",
        {"scale": scale, "cosine": cosine, "threshold": FACTOR},
        level="caution" if is_harmful else "advisory",
        suggestion=Suggestion("lr", factor=1 / scale) if is_harmful else None,
    )


def _summed(course: Course, count: int) -> Reading | None:
    """A loss that is a sum by its own setting."""
    recent = decreases(course, RECENT)
    if not recent.size or count < FEWEST:
        return None
    share = float(np.minimum(recent, 1.0).mean())  # steps that leap are followed by small ones
    return Reading(
        0.0 if is_adaptive(course) else above(max(share, 0.0), LEAP),
        f"The loss is a sum over the {count} samples, and a step removes {share:.0%} of it to "
        f"first order (over {LEAP:.0%}): the learning rate is made for a mean.",
        {"scale": count, "share": share, "threshold": LEAP},
        suggestion=Suggestion("lr", factor=1 / count),
    )


def _reason(scale: float, count: int) -> str:
    """What the batch size says of a factor; empty if it has nothing to do with it."""
    if count < FEWEST:
        return ""
    if abs(math.log(scale / count)) < MATCH:
        return f": the loss is a sum over the {count} samples"
    is_inverse = abs(math.log(scale * count)) < MATCH
    return f": the loss is divided by the batch size {count} twice" if is_inverse else ""
