"""Gradients of earlier steps that are still in ``.grad``."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, Reading, above, lamp

SHARE = 0.1  # of the new gradient


@lamp(
    title="Gradients not zeroed",
    level="warning",
    group="optimizer",
    kind="exact",
    needs=("gradient.before",),
    means="The gradient of steps that the optimizer has made already is added to the new one.",
    do="Call optimizer.zero_grad() once before each step's first backward pass.",
    source="our own; a forgotten zero_grad() is a usual slip",
    sustain=2,
    inhibits=("loss_scaled", "clipped_to_nothing", "momentum_too_high", "nonfinite_loss",
              "nonfinite_gradient", STATISTICAL),
)  # fmt: skip
def gradients_not_zeroed(course: Course) -> Reading | None:
    """There was something in ``.grad`` before the step's first backward pass, from before a step.

    Accumulation over micro-batches has no optimizer step in between, so it is not meant here. Where
    some parameters are in no optimizer, nothing zeroes their gradient, and nothing uses it either:
    then it is an advisory.
    """
    before = course.fact("gradient.before")
    if before is None or not math.isfinite(before):
        return None
    without = course.fact("optimizer.without") or ()
    return Reading(
        above(before, SHARE),
        f"Before the backward pass of step {course.now.step}, .grad had {before:.3g} times the "
        f"length of this step's gradient (over {SHARE:.0%}; expected: 0).",
        {"before": before, "threshold": SHARE},
        level="advisory" if without else None,
    )
