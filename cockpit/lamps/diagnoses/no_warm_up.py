"""Adam's first steps on an attention network, at full length."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.statistics import WINDOW, left, median, median_loss, rate

PATIENCE = 12  # tracked steps
EARLY = 64  # tracked steps: later, it is no matter of how the run began
CONSTANT = 0.95  # smallest over largest learning rate of the first tracked steps
LARGE, ABSURD = 0.02, 0.3  # ‖Δθ‖/‖θ‖ of a layer in the first steps: above, no warm-up helps
RISEN = 1.1  # of the first loss
EXTREME, STUCK = 0.1, 0.95  # such updates, and the loss where it began
ADAPTIVE = ("Adam", "AdamW", "NAdam", "Adamax", "Adafactor", "Lamb", "LAMB", "Lion")


def _unfit(course: Course) -> str:
    if course.optimizer not in ADAPTIVE:
        return f"a matter of Adam and its like; this run has {course.optimizer or 'another'}"
    kinds = {layer.get("module_type", "") for layer in course.header.get("layers") or ()}
    if not any(word in kind for kind in kinds for word in ("Attention", "LayerNorm", "RMSNorm")):
        return "a matter of networks with attention or layer normalization"
    return ""


@lamp(
    title="No warm-up",
    level="caution",
    group="steps",
    kind="statistical",
    needs=("Loss", "update.ratio_max"),
    means="Adam began with steps of full length, before it could know the gradients' size.",
    do="Let the learning rate rise from 0 over the first few hundred steps (or 5 % of the run).",
    source="Xiong et al. (2020); Liu et al. (2020), RAdam; thresholds: our own",
    sustain=3,
    inhibits=(
        "diverged",
        "exploding_gradients",
        "learning_rate_too_large",
        "oscillation",
        "update_ratio",
    ),
    unfit=_unfit,
)
def no_warm_up(course: Course) -> Reading | None:
    """Adam's first steps have full length however small the gradient, in a direction of chance.

    With Adam or one of its like, on a network with attention or layer normalization, the learning
    rate is the same from the first step on, and within the first 64 tracked steps either the loss
    is above 1.1 of its first value, with updates of more than 2 % of a layer's length in the first
    steps; or it has not come down below 0.95 of it, or of the loss of chance, with updates of more
    than 10 %.

    Updates of more than 30 % are no matter of a warm-up: the learning rate is too large.
    """
    if _unfit(course) or course.count < PATIENCE:
        return None
    loss = left(course)
    rates = [r for s in course.first if (r := rate(s)) is not None]
    ratios = [s.facts["update.ratio_max"] for s in course.first if "update.ratio_max" in s.facts]
    size = median(ratios, WINDOW // 2)
    if loss is None or not rates or math.isnan(size) or max(rates) <= 0:
        return None
    began = min(rates) >= CONSTANT * max(rates) and LARGE <= size < ABSURD
    threshold = STUCK if size >= EXTREME else RISEN
    guess, recent = chance(course), median_loss(course)
    if size >= EXTREME and guess and recent is not None:
        loss = max(loss, recent / guess)
    harmed = began and loss >= threshold
    if harmed and course.count > EARLY:
        return None  # the beginning is long past: it can tell of recovery only
    return Reading(
        above(loss, threshold) if harmed else 0.0,
        f"The learning rate has been the same from the first step on; the first steps changed a "
        f"layer by up to {size:.1%} of its length (over {LARGE:.0%}), and the loss is {loss:.3g} × "
        f"its first value, or that of chance, after {course.count} tracked steps (over "
        f"{threshold}).",
        {"size": size, "loss_left": loss, "threshold": threshold},
        suggestion=Suggestion("warm_up", value=float(max(100, (course.planned_steps or 0) // 20))),
    )
