"""A loss that has left where it began, upwards."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import first_loss, jump, median

RATIO = 3.0  # of the first loss: prototype
RECENT = 5  # tracked steps: a median over them needs three beyond
NOISE = 5.0  # typical jumps between neighbours, as logarithms: that far is no accident
JUMPS = 32  # tracked steps of which the typical jump is
FEW = 4  # tracked steps


@lamp(
    title="Diverged",
    level="warning",
    group="steps",
    kind="statistical",
    needs=("Loss",),
    means="The loss is far above where it began, or no number any more: the run is lost.",
    do="Stop; start again, or go back to a checkpoint, with a learning rate 10 times smaller.",
    source="a rule of most debuggers; robust form: our own",
    sustain=3,
    inhibits=(
        "dead_units",
        "exploding_gradients",
        "nonfinite_gradient",
        "nonfinite_loss",
        "oscillation",
        "saturated_units",
        "update_ratio",
        "vanishing_gradients",
    ),
)
def diverged(course: Course) -> Reading | None:
    """The median of the last 5 tracked losses is above 3 times the first one.

    Mini-batch losses are noisy, on small batches by factors: so the ratio must also be beyond 4
    typical jumps from one tracked loss to the next (medians of logarithms). A loss that is no
    number counts at once, if the outputs are none either: outputs that are fine and a loss that is
    not are a matter of the loss function. After a batch with non-finite inputs nothing is said:
    that is the cause, then.
    """
    first, recent = first_loss(course), course.last("Loss", RECENT)
    if first is None or not (0 < first < math.inf):
        return None
    if not math.isfinite(recent[-1]) and any(map(_bad_inputs, course.steps)):
        return None
    if not math.isfinite(recent[-1]) and course.fact("outputs.nonfinite", 1):
        return Reading(
            4.0,
            f"The loss is {recent[-1]} at step {course.now.step}, after finite inputs wherever "
            f"they were tracked; it was {first:.4g} at first{_sudden(course, first)}.",
            {"loss": float(recent[-1]), "first": first},
            suggestion=Suggestion("stop"),
        )
    if course.count < FEW or len(recent) < FEW:
        return None
    loss = median(np.where(np.isnan(recent), math.inf, recent))
    threshold = max(RATIO, math.exp(min(NOISE * jump(course, JUMPS), 50.0)))
    return Reading(
        max(above(loss / first, threshold), 0.0),
        f"The median loss of the last {len(recent)} tracked steps, {loss:.4g}, is "
        f"{loss / first:.3g} × the first one (over {threshold:.3g}).",
        {"ratio": loss / first, "threshold": threshold},
        suggestion=Suggestion("lr", factor=0.1),
    )


def _sudden(course: Course, first: float) -> str:
    """Where steps were not tracked just before, and the loss was fine: it may be a bad record."""
    losses = [(s.step, s.values["Loss"]) for s in course.steps if "Loss" in s.values]
    last, loss = max((x for x in losses if math.isfinite(x[1])), default=(0, math.inf))
    next_one = min((step for step, _ in losses if step > last), default=last)
    if next_one - last < 2 or loss > first:
        return ""
    return (
        f", and {loss:.4g} at step {last}: if it has not grown since, a batch that was not tracked "
        "may hold a number that is none"
    )


def _bad_inputs(step: StepView) -> bool:
    return bool(step.facts.get("inputs.nonfinite"))
