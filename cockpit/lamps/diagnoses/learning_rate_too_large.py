"""Steps that overshoot what the batches agree on, and a loss that pays for it."""

from __future__ import annotations

import math
from typing import NamedTuple

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import WINDOW, left, median, progress, useful, useful_at

PATIENCE = 12  # tracked steps: healthy runs, too, may rise for some steps at first
OVERSHOOT, SHARE = -0.1, 0.05  # prototype: several hundred short runs
FAR, SHARE_IF_FAR = 1.0, 0.01  # prototype
STAGNANT = 0.1  # share of the promised fall of the loss: a quadratic keeps it up to α = 0.8
PROMISE = 0.4  # logarithm of a fall that no noise of the batches hides: 33 %
LOST, HIGH = 0.8, 0.4  # of the first loss; below it is the noise floor: another lamp
KICK, UNRECOVERED = 0.5, 0.95  # q·s of one step that ended higher; of the first loss
KICK_PATIENCE, KICK_LOST = 16, 32  # tracked steps without recovery: a caution, a warning


class _Harm(NamedTuple):
    severity: float
    level: Level
    words: str


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
    order, s of it being signal that the samples agree on. With a promise of more than 5 % a step (1
    % where α is above 1, i.e. steps end higher than they began) the loss has to fall. If instead it
    is above its start, or has fallen by less than a tenth of the promise, and the median α of the
    last 8 tracked steps is above −0.1, the steps are too long. Once the loss is below 0.4 of its
    start, the same is no mistake but the noise floor of this learning rate.

    A run may also be thrown off by its very first steps and stay at the loss of chance, where
    nothing overshoots any more: one of the first 8 tracked steps with α above 1 and q·s above 0.5,
    and the loss not below 0.95 of its start 16 tracked steps later.
    """
    alpha = median(course.last("Alpha", WINDOW), WINDOW // 2)
    share = median(useful(course), WINDOW // 2)
    loss = left(course)
    if loss is None or math.isnan(alpha) or math.isnan(share) or course.count < PATIENCE:
        return None
    threshold = SHARE_IF_FAR if alpha > FAR else SHARE
    steps = above(max(share, 0.0), threshold) if alpha > OVERSHOOT else 0.0
    harm = _harm(course, loss, share)
    now = Reading(
        min(steps, harm.severity),
        f"Median α {alpha:.2f} (over {OVERSHOOT}), a step promises to remove {share:.1%} of the "
        f"loss (over {threshold:.0%}), and {harm.words}; over the last {WINDOW} tracked steps.",
        {"alpha": alpha, "share": share, "threshold": threshold, "loss_left": loss},
        level=harm.level,
        suggestion=Suggestion("lr", factor=1 / 3),
    )
    thrown = _thrown_off(course, loss)
    return now if thrown is None or now.severity >= 1 else thrown


def _harm(course: Course, loss: float, share: float) -> _Harm:
    """What the loss does instead of falling."""
    if loss >= 1:
        return _Harm(2 * loss, "warning", f"the loss is {loss:.2f} × its first value")
    moved = progress(course)
    level: Level = "warning" if loss >= LOST else "caution"
    if moved is None or loss < HIGH:
        return _Harm(0.0, level, f"the loss is down to {loss:.2f} × its first value")
    promised = share * moved.steps
    words = f"the loss fell by {-math.expm1(-moved.fall):.1%} in {moved.steps:.0f} steps"
    if promised < PROMISE or moved.fall >= STAGNANT * promised:
        return _Harm(0.0, level, words)
    return _Harm(1 + loss, level, words)


def _thrown_off(course: Course, loss: float) -> Reading | None:
    """Whether one of the first steps was a leap from which the loss has not recovered."""
    leaps = [s for s in course.first if s.values.get("Alpha", math.nan) > FAR]
    largest = max(useful_at(course, leaps), default=0.0)
    if largest < KICK or course.count < KICK_PATIENCE:
        return None
    return Reading(
        above(loss, UNRECOVERED) if loss >= UNRECOVERED else 0.0,
        f"One of the first steps promised to remove {largest:.0%} of the loss (over {KICK:.0%}) "
        f"and ended higher than it began; {course.count} tracked steps later the loss is "
        f"{loss:.2f} × its first value.",
        {"share": largest, "threshold": KICK, "loss_left": loss},
        level="warning" if course.count >= KICK_LOST else "caution",
        suggestion=Suggestion("lr", factor=1 / 10),
    )
