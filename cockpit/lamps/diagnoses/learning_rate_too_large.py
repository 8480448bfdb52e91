"""Steps that overshoot what the batches agree on, and a loss that pays for it."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.pace import begins_trained
from cockpit.lamps.statistics import (
    WINDOW,
    first_loss,
    left,
    median,
    median_loss,
    progress,
    useful,
    useful_at,
)

PATIENCE = 16  # tracked steps: healthy runs, too, may rise at first
OVERSHOOT = -0.1  # α, prototype: shorter steps harm nobody
SHARE = 0.05  # q·s of a step: small batches rest at chance with up to 0.04, in noise
MUCH = 0.08  # q·s from which on it is a warning, with a loss that is as high as at first
FAR, SHARE_IF_FAR = 1.0, 0.01  # α, prototype: with steps that end higher, less is enough
HIGH = 0.9  # of the first loss, or of that of chance: below, first descents may pause
LATELY = 0.8  # of these, in the last tracked steps: it may have begun to fall
PROMISE = 0.3  # of the loss, in the steps from one window to the next: what noise can't hide
FALL = 0.1  # logarithm of the fall that comes of it, at least
LEAP = 0.5  # q·s of one step that ended higher than it began
RISE, SHARE_IF_RISES = 0.1, 0.02  # of the first loss; q·s: 3 of 800 healthy runs have both
SETTLED, UNPLANNED = 0.1, 64  # of the planned steps, or tracked ones: a first descent may swing
BURST, BURST_WITHIN = 3.0, 24  # times the first loss and that of chance; tracked steps
SHORT = 3  # tracked steps of which a median is, too: what a single leap shows is over by then
UNRECOVERED = 0.95  # of the first loss, or of that of chance
DIED = 0.5  # of a layer's units
KICK = 0.1  # q·s of one of the 8 tracked steps before: where units die of noise, it is about 0
HURT = 0.7  # of the first loss: it has not got over the loss of its units


@lamp(
    title="Learning rate too large",
    level="warning",
    group="steps",
    kind="statistical",
    needs=("Alpha", "NormTest", "Loss", "update.decrease"),
    means="The steps end beyond the lowest point along them, are long, and the loss does not fall.",
    do="Divide the learning rate by 3 and see whether the loss falls; with Adam or a transformer, "
    "begin with a warm-up.",
    source="α: thesis 7.3.3; its combination with q and s: our own measurements",
    sustain=3,
    inhibits=(
        "diverged",
        "dead_units",
        "edge_of_stability",
        "exploding_gradients",
        "no_warm_up",
        "noise_floor",
        "oscillation",
        "saturated_units",
        "update_ratio",
        "wrong_labels",
    ),
)
def learning_rate_too_large(course: Course) -> Reading | None:
    """α alone does not tell: good runs overshoot, and tiny steps overshoot freely.

    What is bad is a contradiction. Each step promises to remove a share q·s of the loss: q to first
    order, s of it being signal that the samples agree on. Healthy runs may promise half of the loss
    in each step and still be healthy: while the loss is high it falls fast, and later it is near
    its noise floor. So it counts if the loss is above 0.9 of its first value, or of that of chance,
    and has fallen by less than 10 % in 8 tracked steps, though steps promise more than 5 % each and
    the median α is above −0.1 (or 1 % with α above 1: steps end higher than they began). It is a
    caution with less than 8 %, or where the loss is that of chance, but below its first value.

    The last 3 steps must promise as much, and end no lower than 0.8 of the first loss: a run that
    leapt once, fell back to chance and learns again (a healthy network at its first descent, with
    all steps tracked) shows it in the 8 only.

    The loss may rise again: by a tenth of its first value within 8 tracked steps, after the first
    tenth of the run, though steps promise 2 % each. That is a caution, unless the model was trained
    before: then a tenth of the first loss may be noise.

    A run may also be thrown off by its very first steps and stay at the loss of chance, where
    nothing overshoots any more: one of the first 8 tracked steps with α above 1 and q·s above 0.5,
    and a loss that has not recovered; or half of the units of a layer died after steps with q·s
    above 0.1, and the loss is still above 0.7 of its first value. Or the loss explodes at once:
    within 24 tracked steps it is above 3 times its first value, and that of chance, after one of
    the first 8 had q·s above 0.5. Then this lamp lights no later than *Diverged*, and explains it.
    """
    loss, burst = left(course), _burst(course)
    if (burst is not None and burst.severity >= 1) or course.count < PATIENCE:
        return burst
    if loss is None:
        return None
    readings = (
        _no_gain(course),
        _rose(course, loss),
        _leapt(course),
        _died(course, loss),
    )
    found = [reading for reading in readings if reading]
    return max(found, key=lambda reading: reading.severity, default=None)


def _no_gain(course: Course) -> Reading | None:
    """Whether the steps promise much, overshoot, and the loss stays high."""
    alpha = median(course.last("Alpha", WINDOW), WINDOW // 2)
    share = _promise(course)
    if math.isnan(alpha) or math.isnan(share):
        return None
    threshold = SHARE_IF_FAR if alpha > FAR else SHARE
    height = _height(course, WINDOW)
    is_high = height >= HIGH and _height(course, SHORT) >= LATELY
    moved = progress(course) if is_high and alpha > OVERSHOOT else None
    harmed = moved is not None and share * moved.steps >= PROMISE and moved.fall < FALL
    is_sure = (share >= MUCH or alpha > FAR) and (left(course) or 0.0) >= HIGH
    return Reading(
        above(max(share, 0.0), threshold) if harmed else 0.0,
        f"Median α {alpha:.2f} (over {OVERSHOOT}), a step promises to remove {share:.1%} of the "
        f"loss (over {threshold:.0%}), but the loss is {height:.3g} × its first value, or that of "
        f"chance (over {HIGH}), and not falling; over the last {WINDOW} tracked steps.",
        {"alpha": alpha, "share": share, "threshold": threshold, "loss_left": height},
        level=None if is_sure else "caution",
        suggestion=Suggestion("lr", factor=1 / 3),
    )


def _promise(course: Course) -> float:
    """q·s of a step: the median of a window and that of its end, whichever is less."""
    promises = useful(course)
    return min(median(promises, WINDOW // 2), median(promises[-SHORT:]))


def _height(course: Course, count: int) -> float:
    """The loss of the last tracked steps over the first one, or over that of chance."""
    share, guess, recent = left(course, count) or 0.0, chance(course), median_loss(course, count)
    return max(share, recent / guess) if guess and recent is not None else share


def _rose(course: Course, loss: float) -> Reading | None:
    """Whether the loss has risen again, though the steps promise to lower it."""
    planned, passed = course.planned_steps, course.now.step - course.first[0].step
    if passed < SETTLED * planned if planned else course.count < UNPLANNED:
        return None
    first = first_loss(course)
    if first is None or not 0 < first < math.inf or begins_trained(course):
        return None
    swings = [found for ago in range(SHORT) if (found := _swing(course, ago))]
    if not swings:
        return None  # unlike a small rise, a loss that is no number puts no lamp out
    rise, share = max(swings)
    rise /= first
    return Reading(
        above(max(rise, 0.0), RISE) if share > SHARE_IF_RISES else 0.0,
        f"The loss has risen by {rise:.0%} of its first value in {WINDOW} tracked steps (over "
        f"{RISE:.0%}), though each promised to remove {share:.1%} of it (over {SHARE_IF_RISES:.0%}"
        ").",
        {"rise": rise, "threshold": RISE, "share": share, "loss_left": loss},
        level="caution",
        suggestion=Suggestion("lr", factor=1 / 3),
    )


def _swing(course: Course, ago: int) -> tuple[float, float] | None:
    """How far the loss rose from one window to the next some tracked steps ago, and q·s there."""
    losses = course.last("Loss", 2 * WINDOW + ago)[: 2 * WINDOW]
    promised = median(useful(course, WINDOW + ago)[:WINDOW], WINDOW // 2)
    if len(losses) < 2 * WINDOW or not np.isfinite(losses).all() or math.isnan(promised):
        return None
    return median(losses[WINDOW:]) - median(losses[:WINDOW]), promised


def _burst(course: Course) -> Reading | None:
    """Whether the loss exploded at once, after first steps that were far too long."""
    first, recent = first_loss(course), course.last("Loss", SHORT)
    if first is None or not 0 < first < math.inf or not SHORT <= course.count <= BURST_WITHIN:
        return None
    largest = max(useful_at(course, course.first), default=0.0)
    start = max(first, chance(course) or 0.0)
    loss = median([math.inf if x != x else x for x in recent]) / start
    return Reading(
        above(loss, BURST) if largest >= LEAP else 0.0,
        f"One of the first steps promised to remove {largest:.0%} of the loss (over {LEAP:.0%}), "
        f"and after {course.count} tracked steps the loss is {loss:.3g} × its first value, or that "
        f"of chance (over {BURST}).",
        {"share": largest, "threshold": LEAP, "loss_left": loss},
        suggestion=Suggestion("lr", factor=1 / 10),
    )


def _leapt(course: Course) -> Reading | None:
    """Whether one of the first steps was a leap from which the loss has not recovered."""
    leaps = [s for s in course.first if s.values.get("Alpha", math.nan) > FAR]
    largest = max(useful_at(course, leaps), default=0.0)
    if largest < LEAP:
        return None
    height = _height(course, WINDOW)
    return Reading(
        above(height, UNRECOVERED) ** 3,  # it goes out at three quarters of the height
        f"One of the first steps promised to remove {largest:.0%} of the loss (over {LEAP:.0%}) "
        f"and ended higher than it began; {course.count} tracked steps later the loss is "
        f"{height:.3g} × its first value, or that of chance.",
        {"share": largest, "threshold": LEAP, "loss_left": height},
        suggestion=Suggestion("lr", factor=1 / 10),
    )


def _died(course: Course, loss: float) -> Reading | None:
    """Whether long steps killed the units of a layer."""
    before, now = _dead(course.first[0]), _dead(course.now)
    dead = {m: now[m] - before[m] for m in now if m in before}
    if not dead or (worst := max(dead.values())) < DIED:
        return None
    name = max(dead, key=lambda module: dead[module])
    steps = list(course.steps)
    when = next(i for i, s in enumerate(steps) if _dead(s).get(name, 0) >= before[name] + DIED)
    longest = max(useful_at(course, steps[:when]), default=0.0)
    if longest < KICK:
        return None
    return Reading(
        above(loss, HURT) ** 2,  # it goes out at 0.5
        f"{worst:.0%} of the units behind {name} died (over {DIED:.0%}) after steps that promised "
        f"to remove {longest:.0%} of the loss each (over {KICK:.0%}), and the loss is still "
        f"{loss:.3g} × its first value (over {HURT}).",
        {"share": worst, "threshold": DIED, "loss_left": loss},
        layers=(name,),
        suggestion=Suggestion("lr", factor=1 / 10),
    )


def _dead(step: StepView) -> dict[str, float]:
    return step.units.get("dead", {})
