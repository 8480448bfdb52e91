"""Steps with which the run will not arrive."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.statistics import WINDOW, left, rates, removable, signal

REMOVABLE = 0.06  # share of the loss in all planned steps: prototype; healthy 0.27 to 19
SIGNAL = 0.1  # of s, prototype: below, noise hides what the steps do
HIGH = 0.3  # of the first loss, prototype
PATIENCE = 12  # tracked steps
EARLY = 0.5  # of the planned steps: later, schedules decay
HIGHEST = 0.9  # of the largest learning rate so far: before and after, the schedule is at work
TARGET = 1.0  # removable share at which healthy runs are
MOST = 100.0  # times as large at once


@lamp(
    title="Learning rate too small",
    level="caution",
    group="steps",
    kind="statistical",
    needs=("NormTest", "Loss", "update.decrease"),
    means="At this pace, all planned steps together would remove only a few percent of the loss.",
    do="Multiply the learning rate by 10, and again, until the loss falls within some steps.",
    source="our own measurements",
    sustain=3,
    inhibits=("batch_too_small", "wrong_labels"),
    unfit=lambda course: (
        "" if course.planned_steps else "needs the number of steps: Cockpit(..., planned_steps=…)"
    ),
)
def learning_rate_too_small(course: Course) -> Reading | None:
    """A pace at which the run will not arrive.

    R, the share of the loss that the planned steps would remove if each did as much as those of
    late (T times the median of q), is below 0.06, though the batch gradient has signal (s above
    0.1) and the loss is above 0.3 of its first value.

    Only in the first half of the run, with the learning rate at its height: neither a warm-up nor a
    decay is meant. R below 0 is another fault: steps uphill.
    """
    share, loss, arrive = signal(course), left(course), removable(course, WINDOW)
    if loss is None or arrive is None or math.isnan(share) or course.count < PATIENCE:
        return None
    planned = course.planned_steps or 0
    if course.now.step > EARLY * planned or not _at_its_height(course) or math.isnan(arrive):
        return None
    slow = arrive >= 0 and share > SIGNAL and loss > HIGH
    return Reading(
        below(arrive, REMOVABLE) if slow else 0.0,
        f"The {planned} planned steps would remove {arrive:.2%} of the loss (below "
        f"{REMOVABLE:.0%}), with a signal share of {share:.2f} (over {SIGNAL}); the loss is "
        f"{loss:.2f} × its first value.",
        {"removable": arrive, "threshold": REMOVABLE, "signal": share, "loss_left": loss},
        suggestion=Suggestion("lr", factor=min(TARGET / arrive, MOST) if arrive > 0 else MOST),
    )


def _at_its_height(course: Course) -> bool:
    """Whether the rate is neither warming up nor decaying, as far as one sees."""
    history = rates(course)
    recent = history[-WINDOW:]
    return not recent or (max(recent) <= recent[0] and recent[-1] >= HIGHEST * max(history))
