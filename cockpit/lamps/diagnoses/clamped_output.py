"""Outputs that are cut off."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.losses import (
    BINARY_LOGITS,
    BINARY_SHARES,
    CLASSES,
    ELEMENTWISE,
    MASK,
    terms,
    untrained_loss,
)

SHARE = 0.1  # of the elements
FEWEST = 64  # elements
EQUAL = 4  # of them, at least
SAME = 1e-3  # spread of the outputs over the samples: below, they are one and the same
DIGITS = 3  # a bound that someone wrote has no more
UNSURE = 0.5 * math.log(2)
RANGES = {"Tanh": (-1.0, 1.0)}  # of operations that need no clamp
CUT = 0.1  # of the loss of guessing: logits of ten classes within ±1.8


@lamp(
    title="Clamped outputs",
    level="caution",
    group="loss",
    kind="exact",
    needs=("loss.function", "outputs.at_bound", "outputs.min", "outputs.max"),
    means="The outputs are cut off at a bound, beyond which a clamp or a ReLU passes no gradient.",
    do="Let the last layer be linear, and leave the range of its outputs to the loss.",
    source="our own; a ReLU as the last layer is a usual slip",
    sustain=2,
    inhibits=("constant_output", "dead_units", "vanishing_gradients", "wrong_labels",
              "learning_rate_too_small", "converged", "noise_floor"),
)  # fmt: skip
def clamped_output(course: Course) -> Reading | None:
    """A tenth of the outputs or more is equal to the smallest or to the largest of them.

    Numbers of a linear layer are never equal by accident; those of a clamp are, at a bound of few
    digits (0, ±1, 0.1). For logits that is always wrong. For numbers it is wrong if targets lie
    beyond the bound: a ReLU suits targets that are never negative. For probabilities (BCELoss) it
    is wrong while the loss is still high; when all is learned they are rounded to 0 and 1.
    Left out: logarithms of probabilities, which are rounded to 0; masked logits (−1,000 or less);
    and outputs that are the same for all samples (``constant_output``), unless they all are
    exactly 0 and so is the gradient of all parameters, even of the last bias: then nothing gets
    through to them.

    Where the graph of the outputs says between which numbers logits are kept, by a clamp or a tanh,
    nothing has to reach a bound: it is known at once what the loss cannot fall below, and a tenth
    of that of guessing is too much.

    In batches of fewer than 64 outputs two may be alike by chance. Only exact zeros and bounds of
    few digits count in those, 4 or more, as soon as 64 outputs were tracked in all: of the 32 of a
    regression, 22 to 38 % were 0 behind a ReLU, and behind linear layers never one.
    """
    share, low, high = (course.fact(f"outputs.{name}") for name in ("at_bound", "min", "max"))
    if (cut := _cut_off(course)) is not None:
        return cut
    size = math.prod(course.shape_of("outputs") or (FEWEST,))
    if share is None or low is None or high is None:
        return None
    if _is_blocked(course):
        return Reading(
            above(1.0, SHARE),
            f"All outputs at step {course.now.step} are exactly 0, and so is the gradient of all "
            "parameters, while the targets are not.",
            {"at_bound": 1.0, "min": 0.0, "max": 0.0, "threshold": SHARE},
        )
    is_bound = course.fact("outputs.zeros", 0.0) > share / 2 or _is_written(low, high)
    if size * (course.count if is_bound else 1) < FEWEST:
        return None
    if low == high or course.fact("outputs.spread", 1.0) < SAME:
        return None
    if high == 0:
        share -= course.fact("outputs.zeros", 0.0)
    is_wrong = _is_wrong(course, low, high, share)
    if is_wrong is None:
        return None
    is_wrong = is_wrong and share * size >= EQUAL
    return Reading(
        above(max(share, 0.0), SHARE) if is_wrong else 0.0,
        f"{share:.0%} of the outputs at step {course.now.step} are exactly at the smallest, "
        f"{low:.4g}, or the largest, {high:.4g} (over {SHARE:.0%}).",
        {"at_bound": share, "min": low, "max": high, "threshold": SHARE},
    )


def _cut_off(course: Course) -> Reading | None:
    """Whether the graph of the outputs has bounds between which the loss stays high."""
    bounds, untrained = _bounds(course), untrained_loss(course)
    floor = _floor(course, *bounds) if bounds else None
    if not bounds or not floor or not untrained or floor < CUT * untrained:
        return None
    return Reading(
        above(floor / untrained, CUT),
        f"The model keeps its outputs between {bounds[0]:.4g} and {bounds[1]:.4g}: the loss cannot "
        f"fall below {floor:.3g}, {floor / untrained:.0%} of that of guessing (over {CUT:.0%}).",
        {"floor": floor, "untrained": untrained, "threshold": CUT},
    )


def _bounds(course: Course) -> tuple[float, float] | None:
    """Between which numbers the last operation keeps the outputs, whatever it is given."""
    low, high = course.fact("outputs.lower_bound"), course.fact("outputs.upper_bound")
    if low is None or high is None:
        return RANGES.get(course.fact("outputs.operation", ""))
    return (low, high) if low <= high else None


def _floor(course: Course, low: float, high: float) -> float | None:
    """The least loss that logits between two bounds can have; ``None`` of other losses.

    All for the right one of C classes: ln(1 + (C − 1) exp(−width)), for each sample; of a yes or a
    no, ln(1 + exp(−high)) and ln(1 + exp(low)), by how many of the targets are either.
    """
    name, shape = course.fact("loss.function"), course.shape_of("outputs")
    if name in CLASSES and name != "NLLLoss" and len(shape) > 1:
        return _softplus(math.log(max(shape[1] - 1, 1)) + low - high) * terms(course)
    share = course.fact("targets.mean")
    if name not in BINARY_LOGITS or share is None:
        return None
    return (share * _softplus(-high) + (1 - share) * _softplus(low)) * terms(course)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _is_blocked(course: Course) -> bool:
    """Whether all outputs are 0, and no gradient comes from them to any parameter.

    Not if there are weights that began at zero: these make such outputs, too.
    """
    if course.fact("outputs.zeros") != 1 or course.first_fact("model.zero_weights"):
        return False
    bounds = (course.fact("targets.min", 0), course.fact("targets.max", 0))
    return course.now.values.get("GradNorm", 0.0) == 0 and any(bounds)


def _is_wrong(course: Course, low: float, high: float, share: float) -> bool | None:
    """Whether it does harm there to be cut off; ``None`` for unknown losses."""
    name = course.fact("loss.function")
    if name in (*CLASSES, *BINARY_LOGITS):
        return low > MASK and _is_written(low, high)
    if name in BINARY_SHARES:
        loss = course.now.values.get("Loss", math.inf)
        return loss > UNSURE * terms(course)
    least, most = course.fact("targets.min"), course.fact("targets.max")
    if name not in ELEMENTWISE or least is None or most is None:
        return None
    if course.fact("outputs.zeros", 0.0) > share / 2:  # the bound is 0
        return bool((low == 0 and least < 0) or (high == 0 and most > 0))
    return bool((_is_written(low) and least < low) or (_is_written(high) and most > high))


def _is_written(*numbers: float) -> bool:
    """Whether one of these may be a number that someone has written."""
    return any(
        math.isfinite(number)
        and math.isclose(number, float(f"{number:.{DIGITS}g}"), rel_tol=1e-6, abs_tol=1e-30)
        for number in numbers
    )
