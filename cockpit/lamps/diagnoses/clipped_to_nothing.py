"""Clipping that leaves next to nothing of the gradient."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, below, lamp
from cockpit.lamps.lookback import first_fact, is_adaptive
from cockpit.lamps.network import network

SHARE = 0.05  # of the gradient; at the start, usual bounds leave a tenth
NOTHING = 1e-6
EPSILON = 1e-8  # of Adam and its kin
ROOM = 10.0


@lamp(
    title="Gradient clipped to nothing",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("gradient.stepped",),
    means="What the optimizer gets is a tiny part of the gradient: the clipping decides how far to "
    "go, not the learning rate.",
    do="Raise the bound to about the usual norm of the gradient (the GradNorm panel), so that only "
    "outliers are clipped.",
    source="Pascanu et al. (2013), On the difficulty of training recurrent networks",
    sustain=3,
    inhibits=("learning_rate_too_small", "update_ratio", "decayed_too_early", "converged",
              "wrong_labels", "weight_decay_dominates"),
)  # fmt: skip
def clipped_to_nothing(course: Course) -> Reading | None:
    """The norm of ``.grad`` at the optimizer's step over that after the backward pass, below 5 %.

    It has to be so from the first tracked step on: where it becomes so, the gradient explodes,
    which has a lamp of its own. Optimizers that divide the gradient by its own size (Adam and its
    kin) don't feel it, unless what is left is as small as their ε: an advisory. If nothing at all
    is left, ``.grad`` was zeroed between backward pass and step: a warning.
    """
    stepped = course.fact("gradient.stepped")
    if stepped is None or not math.isfinite(stepped):
        return None
    first = first_fact(course, "gradient.stepped", stepped)
    worst = max(stepped, first) if math.isfinite(first) else stepped
    return Reading(
        below(worst, SHARE),
        f"At step {course.now.step} the optimizer got {stepped:.2g} of the gradient's length "
        f"(under {SHARE:.0%}), {first:.2g} at first.",
        {"stepped": stepped, "first": first, "threshold": SHARE},
        level=_level(course, stepped),
        suggestion=Suggestion("max_norm", factor=1 / stepped) if stepped > 0 else None,
    )


def _level(course: Course, stepped: float) -> Level:
    if stepped < NOTHING:
        return "warning"
    if not is_adaptive(course):
        return "caution"
    norm, size = course.now.values.get("GradNorm"), network(course).size
    is_lost = norm is not None and size and norm * stepped / math.sqrt(size) < ROOM * EPSILON
    return "caution" if is_lost else "advisory"
