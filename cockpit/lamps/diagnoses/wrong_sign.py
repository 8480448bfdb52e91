"""Steps that climb the loss."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, Reading, Suggestion, lamp
from cockpit.lamps.network import is_adaptive

OPPOSITE = -0.9  # cosine between .grad and the mean individual gradient
STEPS, FEWEST = 8, 4  # tracked
STRAIGHT = -0.5  # cosine of the first step, unless the optimizer is adaptive
LATEST = 1  # first tracked step at which momentum has no past


@lamp(
    title="Wrong sign",
    level="warning",
    group="loss",
    kind="exact",
    needs=("update.sign",),
    means="The steps go up the loss instead of down.",
    do="Look for a minus before the loss, maximize=True, a negative learning rate, or a score that "
    "should grow and was taken for a loss.",
    source="our own",
    sustain=2,
    inhibits=("nonfinite_loss", "nonfinite_gradient", STATISTICAL),
)
def wrong_sign(course: Course) -> Reading | None:
    """The cosine between the step and the negative mean individual gradient is below 0.

    With momentum a few steps may go up in a healthy run, when the loss swings; so all of the last
    8 tracked steps have to, or all there are from the fourth on, and so has the very first one
    (step 0 or 1), which has no past. Without an adaptive optimizer that one is straight up, with a
    cosine near −1; below −0.5 is asked for, in case momentum goes on from an earlier run. Where the
    gradient in ``.grad`` itself is the opposite of the mean individual gradient, that says it at
    once. It is wrong where the loss that Cockpit sees is meant to grow.
    """
    signs = [sign for sign in course.last_facts("update.sign", STEPS) if math.isfinite(sign)]
    if "update.sign" not in course.now.facts or not signs:
        return None
    cosine = course.fact("gradient.cosine", math.nan)
    first = course.first_fact("update.sign", math.nan)
    begins_up = first < (0 if is_adaptive(course) else STRAIGHT)
    is_up = course.first[0].step <= LATEST and begins_up
    is_up = is_up and len(signs) >= FEWEST and max(signs) < 0
    against = f"; .grad has cosine {cosine:.2f} with it" if math.isfinite(cosine) else ""
    return Reading(
        2.0 if is_up or cosine < OPPOSITE else 0.0,
        f"Steps have cosine {signs[-1]:.2f} with the negative mean gradient, at most "
        f"{max(signs):.2f} in the last {len(signs)} tracked steps (below 0 is up){against}.",
        {"sign": signs[-1], "largest": max(signs), "first": first},
        suggestion=Suggestion("stop"),
    )
