"""Weight decay that pulls harder than the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STAYS, Reading, Suggestion, above, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.pace import begins_trained
from cockpit.lamps.statistics import rates

RATIO = 0.25  # of the gradient, in the first tracked steps; healthy runs: at most 0.01
LATER = 3.0
COEFFICIENT = 0.1  # λ that is added to the gradient; usual: 5e-4, a strong one 1e-2
USUAL = 1e-3  # λ; of a decoupled decay lr·λ: a thousand steps until θ is forgotten
EARLY = 8  # tracked steps
SPREAD = 1e-5  # of the first outputs over the samples: no more than rounding
HIGH = 0.5  # of the first loss, or of chance: below, the decay did not keep the model from learning


@lamp(
    title="Weight decay dominates",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("optimizer.decay", "Loss"),
    means="Weight decay pulls the weights to zero about as hard as the loss pulls them elsewhere.",
    do="Divide weight_decay by 100 (5e-4 is usual with SGD, 0.01 to 0.1 with AdamW).",
    source="Loshchilov and Hutter (2019), Decoupled weight decay regularization",
    sustain=3,
    inhibits=("vanishing_gradients", "wrong_labels", "converged", "learning_rate_too_small",
              "dead_units", "noise_floor", "constant_output", "update_ratio"),
)  # fmt: skip
def weight_decay_dominates(course: Course) -> Reading | None:
    """The decay's part of a step over the gradient's part, at the start of the run.

    λ‖θ‖/‖ḡ‖ where the decay is added to the gradient, lr·λ‖θ‖ over the rest of the step where it is
    decoupled (AdamW). Usual settings have 0.01, a strong decay 0.1. Late in a run the ratio grows
    by itself: a model that has learned its data has hardly any gradient, and where training has
    settled the two are equal. So the first 8 tracked steps decide (from 0.25 on); later ones only
    count from 3 on, and while the loss is above half of its start. Until then a lit lamp stays lit:
    weights that are near 0 have no more decay. A model whose outputs are all the same from the
    start (dead units, a mask of zeros) has hardly any gradient: the ratio says nothing of it (a
    head that begins at zero has all of its gradient). Nor has a model that was trained before; of
    that, the loss has to be above half of chance.

    Where the decay is added to the gradient, λ itself says enough from 0.1 on, however long the
    gradient is at first: directions in which the loss is curved by less than λ are given up, and in
    a network these are nearly all. Usual ones, λ below 1e-3 (of a decoupled decay lr·λ below 1e-3 a
    step), never dominate: large tables, most of whose rows have no gradient, only look like it.
    """
    ratio, loss = course.fact("optimizer.decay"), course.now.values.get("Loss", math.nan)
    if ratio is None or not math.isfinite(ratio):
        return None
    if _is_blind(course):
        return None
    begin = course.first_fact("optimizer.decay", 0.0)
    is_early = course.count <= EARLY and begin >= RATIO and not begins_trained(course)
    is_high = loss > HIGH * _height(course)
    threshold = RATIO if is_early else LATER
    severity = above(ratio, threshold) if is_early or is_high else 0.0
    if begin >= RATIO and is_high and severity < 1:
        severity = STAYS
    largest = _coefficient(course)
    if is_high or course.count <= EARLY:
        severity = max(severity, above(largest, COEFFICIENT))
    return Reading(
        0.0 if _is_usual(course) else severity,
        f"Weight decay is {ratio:.3g} times as strong as the gradient (over {threshold:g} at this "
        f"stage; usual: 0.01), {begin:.3g} times at first; as a part of the gradient it is "
        f"{largest:g} · θ (over {COEFFICIENT:g}).",
        {"ratio": ratio, "first": begin, "threshold": threshold, "coefficient": largest},
        suggestion=Suggestion("weight_decay", factor=0.01),
    )


def _height(course: Course) -> float:
    """Loss of the model as it began; of a trained one, of the best constant output."""
    guess = chance(course) if begins_trained(course) else None
    return course.first[0].values.get("Loss", math.nan) if guess is None else guess


def _is_blind(course: Course) -> bool:
    """Whether the outputs did not depend on the inputs at first, without any zero weight."""
    spread = course.first[0].facts.get("outputs.spread", 1.0)
    return spread <= SPREAD and not course.first_fact("model.zero_weights")


def _is_usual(course: Course) -> bool:
    """Whether every group is known to have no more decay than is usual."""
    names = {name.strip() for name in course.optimizer.split(",")}
    settings = [
        (_number(group, "weight_decay"), _is_decoupled(group, names)) for group in course.groups
    ]
    rate = max(rates(course), default=math.inf)
    return bool(settings) and all(
        decoupled is not None and decay * (rate if decoupled else 1.0) < USUAL
        for decay, decoupled in settings
    )


def _coefficient(course: Course) -> float:
    """The largest λ that is known to be added to a gradient."""
    names = {name.strip() for name in course.optimizer.split(",")}
    coupled = [g for g in course.groups if _is_decoupled(g, names) is False]
    known = [_number(group, "weight_decay") for group in coupled]
    return max((decay for decay in known if math.isfinite(decay)), default=0.0)


def _is_decoupled(group: Mapping[str, Any], names: set[str]) -> bool | None:
    """Whether a group's decay is part of the step, not of the gradient; None if it is not known."""
    flag = group.get("decoupled_weight_decay")
    if isinstance(flag, bool):
        return flag
    return "AdamW" in names if len(names) == 1 else None


def _number(group: Mapping[str, Any], name: str) -> float:
    """A setting; NaN, which is no usual one, if it is no number."""
    found = group.get(name)
    return float(found) if isinstance(found, int | float) else math.nan
