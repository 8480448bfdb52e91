"""A loss that is NaN or ±Inf, although what it is computed from is not."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, STAYS, Reading, lamp
from cockpit.lamps.statistics import has_grown


@lamp(
    title="A loss that is no number",
    level="warning",
    group="loss",
    kind="exact",
    needs=("Loss",),
    means="The loss is NaN or ±Inf, while inputs and outputs of the model are numbers.",
    do="Look for gaps in the targets, and in the loss for a logarithm or a root of 0 or less, or a "
    "division by 0; torch.autograd.set_detect_anomaly(True) names the line.",
    source="a check that all debuggers have; our own part is which of three things it was",
    inhibits=("nonfinite_gradient", "constant_output", STATISTICAL),
)
def nonfinite_loss(course: Course) -> Reading | None:
    """A loss becomes NaN in three ways, and only one of them is the loss's own.

    The inputs were bad (``nonfinite_input``); the steps were so long that the outputs overflowed
    (``diverged``): then the outputs are no numbers, or the loss had grown before; or the targets or
    the loss function are at fault: then the outputs are numbers, or there never was a finite loss.
    Only the third lights this lamp. Where single losses are NaN and the loss is not, they are
    masked, which may be meant: that is a caution. It is wrong where a model without growth of the
    loss computes NaN from good weights late in the run: ``diverged`` says that, too.
    """
    loss = course.now.values.get("Loss")
    if loss is None:
        return None
    bad = course.fact("loss.nonfinite") or 0
    gaps = course.fact("targets.nonfinite") or 0
    is_finite = math.isfinite(loss)
    told = f"; {gaps} targets are no numbers" if gaps else ""
    return Reading(
        _severity(course, is_finite, bad),
        f"The loss at step {course.now.step} is {loss:.4g}, {bad} of the individual losses are NaN "
        f"or ±Inf (expected: none){told}.",
        {"loss": loss, "nonfinite": bad, "targets": gaps},
        level="caution" if is_finite else None,
    )


def _severity(course: Course, is_finite: bool, bad: int) -> float:
    if is_finite and not bad:
        return 0.0
    if course.fact("inputs.nonfinite") or has_grown(course):
        return STAYS
    if course.fact("outputs.nonfinite") and any(
        math.isfinite(step.values.get("Loss", math.nan)) for step in course.steps
    ):
        return STAYS
    return 2.0
