"""Weight decay that pulls harder than the loss."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.lookback import first_fact, is_adaptive

RATIO = 0.7  # of the gradient, in the first tracked steps
LATER = 3.0
EARLY = 8  # tracked steps
DECOUPLED = 0.3  # wd · rms(θ): how far the decay goes in a step, if the gradient goes 1
HIGH = 0.5  # of the first loss: below, the decay did not keep the model from learning


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
    """‖λθ‖ over the norm of the gradient, at the start of the run.

    Late in a run the ratio grows by itself: a model that has learned its data has hardly any
    gradient, and where training has settled the two are equal. So the first tracked steps decide
    (0.7; usual settings have 0.01), and later ones only count from 3 on, and while the loss is
    above half of its start. Decoupled decay of an adaptive optimizer (AdamW) does not compete with
    the gradient but with steps of about the learning rate for each weight: there λ times the root
    mean square of the weights counts, from 0.3 on (usual: 0.01).
    """
    ratio, now = course.fact("optimizer.decay"), course.now.values.get("Loss", math.nan)
    first = course.first[0].values.get("Loss", math.nan)
    if ratio is None or not math.isfinite(ratio):
        return None
    if _is_decoupled(course):
        return _decoupled(course, ratio)
    begin = first_fact(course, "optimizer.decay", 0.0)
    is_early = course.count <= EARLY and begin >= RATIO
    threshold = RATIO if is_early else LATER
    severity = above(ratio, threshold) if is_early or now > HIGH * first else 0.0
    if ratio >= RATIO / 2:  # what is in balance is no reason to go out
        severity = max(severity, 0.5)
    return Reading(
        severity,
        f"Weight decay is {ratio:.3g} times as long as the gradient (over {threshold:g} at this "
        f"stage; usual: 0.01), {begin:.3g} times at first.",
        {"ratio": ratio, "threshold": threshold},
        suggestion=Suggestion("weight_decay", factor=0.01),
    )


def _decoupled(course: Course, ratio: float) -> Reading | None:
    norm = course.now.values.get("GradNorm")
    size = sum(math.prod(layer["shape"]) for layer in course.header.get("layers") or ())
    if norm is None or not size or not math.isfinite(norm):
        return None
    pull = ratio * norm / math.sqrt(size)
    return Reading(
        above(pull, DECOUPLED),
        f"Weight decay takes {pull:.3g} learning rates off a typical weight at each step (over "
        f"{DECOUPLED}; the gradient moves it by 1 at most).",
        {"pull": pull, "threshold": DECOUPLED},
        suggestion=Suggestion("weight_decay", factor=0.01),
    )


def _is_decoupled(course: Course) -> bool:
    told = any(group.get("decoupled_weight_decay") for group in course.groups)
    return is_adaptive(course) and (told or "AdamW" in course.optimizer)
