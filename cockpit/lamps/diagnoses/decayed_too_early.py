"""A schedule that has stopped the run before its end."""

from __future__ import annotations

import itertools
import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.statistics import WINDOW, decreases, left, median, rates, signal

DECAYED = 0.03  # of the largest learning rate: a usual step of a schedule is 0.1
STEADY = 0.5  # lowest over highest rate since then: it stays there; 8 tracked steps will do, too
FEW = 3  # tracked steps since then
REMAINING = 0.3  # of the planned steps
REMOVABLE = 0.06  # share of the loss in the steps that remain: as for a rate that is too small
SIGNAL = 0.1  # of s: there is something left to do
HIGH = 0.3  # of the first loss
EARLY, LITTLE = 0.6, 0.08  # of the planned steps are to come, of the first loss is left
LITTLE_MORE, REST = 0.3, 0.02  # in place of REMOVABLE, then; of the planned steps


@lamp(
    title="Learning rate zero, or decayed too early",
    level="caution",
    group="steps",
    kind="statistical",
    needs=("Loss",),
    means="The learning rate has gone down to next to nothing with much of the run to come.",
    do="Look at the schedule's length: does it count epochs where steps are meant, or twice a "
    "step?",
    source="our own measurements",
    sustain=2,
    inhibits=(
        "batch_too_small",
        "learning_rate_too_small",
        "noise_floor",
        "noisy_labels",
        "wrong_labels",
    ),
)
def decayed_too_early(course: Course) -> Reading | None:
    """With a learning rate of next to nothing, what is left of the run is wasted.

    Either the learning rate has been exactly 0 for 8 tracked steps; or it is below 0.03 of its
    largest value with 30 % of the planned steps to come, these would remove less than 6 % of the
    loss, the batch gradient has signal (s above 0.1), and the loss is above 0.3 of its first value;
    with 60 % of the steps to come no schedule rests so low for 2 % of the run: a loss above 0.08
    will do then, without signal, and they may remove up to 30 % of it.
    That is judged on the tracked steps since it fell so low: 3 of them if the rate stays where it
    is, 8 if it falls on, as at the end of a cycle.
    """
    history = rates(course)
    if len(history) < WINDOW or course.count < WINDOW:
        return None
    if not any(history[-WINDOW:]):
        return Reading(
            4.0,
            f"The learning rate has been 0 for the last {WINDOW} tracked steps.",
            {"lr": 0.0},
            suggestion=Suggestion("lr", value=max(history) or None),
        )
    planned, now = course.planned_steps, history[-1] / max(history)
    if planned is None:
        return None
    remaining = 1 - course.now.step / planned
    since = _since(history)
    arrive = planned * remaining * median(decreases(course, since), min(since, FEW))
    loss, share = left(course), signal(course)
    decayed = now < DECAYED and not _returns(history)
    if decayed and since < FEW:
        return None
    if decayed and remaining <= REMAINING:
        return None  # as planned, or too late to say otherwise
    if not decayed or loss is None or math.isnan(arrive):
        return Reading(0.0, f"The learning rate is {now:.2g} × its largest value.", {"lr": now})
    is_clear = share > SIGNAL and loss > HIGH
    is_early = remaining > EARLY and loss > LITTLE and _has_come_to_rest(course)
    lost = arrive >= 0 and (is_clear or is_early)
    threshold = LITTLE_MORE if is_early else REMOVABLE
    return Reading(
        below(arrive, threshold) if lost else 0.0,
        f"The learning rate is {now:.2g} × its largest value (below {DECAYED}) with {remaining:.0%}"
        f" of the planned steps to come, which would remove {arrive:.2%} of the loss (below "
        f"{threshold:.0%}).",
        {"lr": now, "remaining": remaining, "removable": arrive, "threshold": threshold},
        suggestion=Suggestion("lr", value=max(history)),
    )


def _since(history: list[float]) -> int:
    """For how many tracked steps, 8 at most, the rate has rested below; 0: it is still falling."""
    low = DECAYED * max(history)
    recent = list(itertools.takewhile(lambda lr: lr < low, reversed(history[-WINDOW:])))
    if len(recent) < WINDOW and recent and min(recent) < STEADY * max(recent):
        return 0
    return len(recent)


def _has_come_to_rest(course: Course) -> bool:
    """Whether the rate has been as low for a while: a cosine that comes down to 0 rests nowhere."""
    begin = course.now.step - REST * (course.planned_steps or 0)
    if course.steps[0].step > begin:
        return False  # too densely tracked to know
    count = max(sum(s.step >= begin for s in course.steps), FEW)
    recent = rates(course)[-count:]
    low = DECAYED * max(rates(course))
    return max(recent) < low and min(recent) >= STEADY * max(recent)


def _returns(history: list[float]) -> bool:
    """Whether it has gone up again after a low: a schedule in cycles."""
    low, fell = 0.1 * max(history), False
    for before, after in itertools.pairwise(history):
        fell = fell or after < low < before
        if fell and after > low:
            return True
    return False
