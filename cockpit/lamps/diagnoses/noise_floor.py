"""A learning rate with which the loss cannot fall any further."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.statistics import left, median, progress, rates, signal

WINDOW = 24  # tracked steps in each of two windows: the floor is a slow matter
FALL = 0.01  # logarithm of the fall between them: less than 1 % is none
LEARNED = 0.8  # of the first loss: above, it is not the end of a descent
OVERSHOOT = 0.0  # α: healthy descents have it above 0 too, but then the loss falls
NOISE = 0.5  # of s: above, the samples still agree on where to go
STEADY = 0.9  # smallest over largest learning rate: a schedule that falls is annealing already


@lamp(
    title="At the noise floor: anneal now",
    level="advisory",
    group="steps",
    kind="statistical",
    needs=("Alpha", "NormTest", "Loss"),
    means="With this learning rate the loss has reached its floor: steps only stir up noise.",
    do="Lower the learning rate (by 3, or begin the schedule's decay), or enlarge the batch.",
    source="Bottou, Curtis and Nocedal (2018), theorem 4.6: with a constant rate the loss stays at "
    "a distance from its minimum; thresholds: our own",
    sustain=6,
)
def noise_floor(course: Course) -> Reading | None:
    """Late in a good run, steps overshoot as they do with a learning rate that is too large.

    The difference is where: here the loss has come down (below 0.8 of its first value), stands
    still (less than 1 % lower than 24 tracked steps ago), the learning rate has been constant, and
    most of the batch gradient is noise (s below 0.5), which a smaller rate averages out.
    """
    loss, share = left(course, WINDOW), signal(course, WINDOW)
    alpha = median(course.last("Alpha", WINDOW), WINDOW // 2)
    if loss is None or math.isnan(alpha) or math.isnan(share) or course.count < 2 * WINDOW:
        return None
    if loss >= LEARNED or alpha <= OVERSHOOT or share >= NOISE:
        return Reading(0.0, f"Median α is {alpha:.2f}, the signal share {share:.2f}.")
    moved = progress(course, WINDOW)
    if moved is None:
        return None
    recent = rates(course)[-2 * WINDOW :]
    steady = not recent or min(recent) >= STEADY * max(recent)
    return Reading(
        below(max(moved.fall, FALL / 2), FALL) if steady else 0.0,
        f"The loss fell by {-math.expm1(-moved.fall):.1%} in {moved.steps:.0f} steps (less than "
        f"{FALL:.0%}), with median α {alpha:.2f} (over {OVERSHOOT:g}) and a signal share of "
        f"{share:.2f} (below {NOISE}).",
        {"fall": moved.fall, "alpha": alpha, "signal": share, "loss_left": loss},
        suggestion=Suggestion("lr", factor=1 / 3),
    )
