"""Steps with which the run will not arrive."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.pace import begins_trained, is_rising, reach, removable_at_height
from cockpit.lamps.statistics import WINDOW, left, median, median_loss, pooled_signal

REMOVABLE = 0.06  # share of the loss in all planned steps; healthy: 0.15 on plateaus, else 1 to 300
SIGNAL = 0.1  # of s, prototype: below, noise hides what the steps do
STILL, UNLEARNED = 0.12, 0.9  # reach below which even noise moves nothing; of the first loss
SHORT = (0.5, 0.3, 0.5)  # R, with a signal above, and a reach below: healthy ones reach 0.65 to 50
CLEAR = (0.8, 0.6)  # R, with a signal above: healthy ones with so much of it have 2.2 to 30
BEGUN, FALLS, NEAR = 0.08, 0.97, 1.0  # of the run; of the first loss; reach: it is no plateau
TIMID, LATER, MOSTLY = -0.5, 0.15, 0.4  # α; of the run; of the first loss: healthy ones lack one
PAUSE = 0.05  # of the loss of chance: as near as that
HIGH = 0.3  # of the first loss, prototype
PATIENCE, BEGIN = 8, 0.03  # tracked steps, and of the run: momentum has to build up
EARLY = 0.5  # of the planned steps: later, schedules decay
TARGET = 1.0  # removable share at which healthy runs are
MOST = 100.0  # times as large at once


@lamp(
    title="Learning rate too small",
    level="caution",
    group="steps",
    kind="statistical",
    needs=("NormTest", "Loss", "update.decrease"),
    means="At this pace, all planned steps together would remove only a small part of the loss.",
    do="Multiply the learning rate by 10, and again, until the loss falls within some steps.",
    source="our own measurements",
    sustain=3,
    inhibits=("batch_too_small", "noisy_labels", "wrong_labels"),
    unfit=lambda course: (
        "" if course.planned_steps else "needs the number of steps: Cockpit(..., planned_steps=…)"
    ),
)
def learning_rate_too_small(course: Course) -> Reading | None:
    """A pace at which the run will not arrive.

    R is the share of the loss that the planned steps would remove if each did as much as those of
    late (T times the median of q), at the largest learning rate so far: neither a decay nor a
    warm-up that is over makes a run slow, and while the rate is rising nothing is said. Healthy
    runs have an R of 1 to 300, but 0.15 to 0.9 on the plateau where deep networks begin. How large
    an R is suspicious depends on what else is known:

    - below 0.06, if the batch gradient has signal (s above 0.1), or if there is only noise, nothing
      has been learned, and the *reach*, T times the median of the largest ‖Δθ‖/‖θ‖ of a layer, is
      below 0.12: then not even noise moves the weights (a thousandth of a good learning rate:
      0.004 to 0.03);
    - below 0.5, if s is above 0.3 and the reach below 0.5 (a thirtieth of a good rate: 0.14 to
      0.48; healthy: 0.65 and more);
    - below 0.8, if the samples agree (s above 0.6) after 8 % of the run, and it is no plateau: the
      loss falls, if slowly (below 0.97, and not just to that of chance), or the reach is below 1.

    Or the steps are timid: after 15 % of the run their median α is below −0.5 (each ends far short
    of the minimum along it), the reach is below 1, more than 0.4 of the first loss is left, and it
    is known what the loss of chance is. No healthy run has all of these.

    Only in the first half of the run, and with the loss above 0.3 of its first value. A model whose
    first loss is below 0.75 of that of chance was trained before; then small steps are meant. R
    below 0 is another fault: steps uphill.
    """
    share, loss, arrive = pooled_signal(course, WINDOW), left(course), removable_at_height(course)
    if loss is None or arrive is None or math.isnan(share) or course.count < PATIENCE:
        return None
    planned = course.planned_steps or 0
    if not BEGIN <= course.now.step / planned <= EARLY or is_rising(course):
        return None
    threshold = _threshold(course, share, loss)
    if loss <= HIGH or begins_trained(course):
        threshold = 0.0
    elif timid := _timid(course, loss):
        return timid
    far = reach(course)
    return Reading(
        below(arrive, threshold) if arrive >= 0 and threshold > 0 else 0.0,
        f"The {planned} planned steps would remove {arrive:.2%} of the loss (below "
        f"{threshold or REMOVABLE:.0%}), with a signal share of {share:.2f}"
        + ("" if far is None else f", and change no layer by more than {far:.2g} of its length")
        + f"; the loss is {loss:.3g} × its first value.",
        {
            "removable": arrive,
            "threshold": threshold or REMOVABLE,
            "signal": share,
            "loss_left": loss,
        },
        suggestion=Suggestion("lr", factor=min(TARGET / arrive, MOST) if arrive > 0 else MOST),
    )


def _timid(course: Course, loss: float) -> Reading | None:
    """Whether steps end far short of the minimum along them, and will not carry far."""
    alpha, far = median(course.last("Alpha", WINDOW), WINDOW // 2), reach(course)
    is_late = course.now.step >= LATER * (course.planned_steps or math.inf)
    if not is_late or far is None or far >= NEAR or loss <= MOSTLY or not chance(course):
        return None
    if not alpha < TIMID:
        return None
    return Reading(
        alpha / TIMID,
        f"Median α {alpha:.2f} (below {TIMID}): steps end far short of the minimum along them; all "
        f"{course.planned_steps} would change no layer by more than {far:.2g} of its length (below "
        f"{NEAR:g}); the loss is {loss:.3g} × its first value (over {MOSTLY}).",
        {"alpha": alpha, "threshold": TIMID, "reach": far, "loss_left": loss},
        suggestion=Suggestion("lr", factor=10.0),
    )


def _threshold(course: Course, share: float, loss: float) -> float:
    """Below which R is too small; 0 where it does not tell."""
    far = reach(course)
    found = [0.0]
    if share > SIGNAL or (far is not None and far < STILL and loss > UNLEARNED):
        found.append(REMOVABLE)
    removable, signal, distance = SHORT
    if share > signal and far is not None and far < distance:
        found.append(removable)
    moves = (loss < FALLS and not _rests(course)) or (far is not None and far < NEAR)
    begun = course.now.step >= BEGUN * (course.planned_steps or math.inf)
    if share > CLEAR[1] and begun and moves:
        found.append(CLEAR[0])
    return max(found)


def _rests(course: Course) -> bool:
    """Whether the loss has come down to that of chance, where some networks pause."""
    guess, recent = chance(course), median_loss(course)
    return bool(guess and recent is not None and abs(recent / guess - 1) < PAUSE)
