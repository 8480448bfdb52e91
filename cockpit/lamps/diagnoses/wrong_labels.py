"""Labels that do not match the inputs."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, below, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.pace import reach
from cockpit.lamps.statistics import fact_series, jump, median, pooled_signal, progress

WINDOW = 16  # tracked steps of which the loss is the median
POOL = 32  # tracked steps whose signal is pooled
LEAST = 8  # of the second half of what the run has done: the first steps may all be tracked
PATIENCE, FEW = 24, 12  # tracked steps at chance; if the outputs say nothing of the labels
SEEN = 768  # samples since the run began: small batches take more steps to leave chance
DOUBT = 0.5  # signal share from which on batches agree on something, whatever the outputs say
SURE = 0.2  # of the planned steps at chance: then less noise, but more of chance, will do
SIGNAL_IF_SURE, LOW_IF_SURE = 0.35, 0.97
CERTAIN = 0.4  # of the planned steps: until then it may be a slow start, as of parities
LONG = 0.15  # of the planned steps: deep networks rest at chance, in noise, for up to a tenth
SIGNAL = 0.08  # wrong pairs: -0.11 to 0.05; slow starts with batches of 8: 0.13 and more
LOW, HIGH = 0.93, 1.3  # of the loss of chance
FLAT = 0.05  # logarithm of the loss's change: otherwise it is only passing by
REACH = 0.25  # T · ‖Δθ‖/‖θ‖: shorter steps learn nothing from any labels
FROZEN = 0.5  # share of the weights: what cannot learn says nothing of the labels
BLIND, LABELS, BATCHES = 0.05, 256, 10  # first quarter minus last; of so many labels and batches
BEGUN = 0.17  # of the planned steps: healthy runs have 0.14 at a quarter and 0.32 at a third
UNPLANNED = 64  # tracked steps
CONSTANT = 1e-3  # outputs.spread: below, the outputs do not depend on the inputs at all


@lamp(
    title="Targets do not belong to their inputs",
    level="caution",
    group="data",
    kind="statistical",
    needs=("NormTest", "Loss", "loss.function"),
    means="The loss stays at chance, and the samples' gradients agree on nothing: there may be "
    "nothing to learn from these pairs.",
    do="Look at some inputs beside their targets; were only one of both shuffled, or sorted, or "
    "shifted by one?",
    source="random labels: Zhang et al. (2017); thresholds: our own measurements",
    sustain=3,
    inhibits=(
        "batch_too_small",
        "dead_units",
        "learning_rate_too_large",
        "noise_floor",
        "update_ratio",
    ),
)
def wrong_labels(course: Course) -> Reading | None:
    """Where inputs say nothing of their targets, the samples agree on nothing.

    What is shared by all samples of wrongly paired data is learned in a few steps: how often each
    class occurs. After that each sample pulls elsewhere.

    So the loss stays at that of the best output that does not look at the input (the entropy of the
    classes, or the variance of the targets, of all tracked batches), without moving, for 24 tracked
    steps and 15 % of the planned ones; and s, the signal's share of the batch gradients of 32
    tracked steps together, is no larger than noise makes it: below 0.08, or 0.35 after 20 % of the
    planned steps. Nothing is said before 768 samples: small batches take more steps to leave
    chance. Where there are classes, the outputs say more (the fact ``labels.quarters``): if after
    17 % of the run no more labels are in the quarter of the classes that the model finds most
    likely than in the last one (by 0.05 of all, in 10 tracked batches), it has learned nothing of
    them, whatever the noise, as long as s is below 0.5: a language model rests at the frequencies
    of its words, and its batches agree on the way out. Healthy runs are at 0.14 after a quarter of
    the run and at 0.32 after a third; shuffled labels never come above 0.04.

    Some problems are hard to begin with: a network that learns the parity of bits rests at chance
    for a third of its run, and nothing tells it from one with random labels. So it is an advisory
    up to 40 % of the planned steps, and a caution then.

    Where the first steps were tracked densely, only those of the second half of the run so far are
    looked at (8 at least): a plateau that is over says nothing any more.

    Nothing is said of models that cannot learn: whose weights are frozen for the greater part, or
    would not move by a quarter of their length in all planned steps. A learning rate that is too
    small has a large s, or such steps; outputs that are constant (dead units, zero weights) are
    left to other lamps.
    """
    recent = sum(2 * s.step >= course.now.step for s in course.steps)
    share = pooled_signal(course, min(max(recent, LEAST), POOL))
    step = course.now.step - course.first[0].step
    blind = _blind(course)
    patience = FEW if blind else PATIENCE
    if course.count < patience or step < LONG * (course.planned_steps or 0) or math.isnan(share):
        return None
    if step * (course.now.batch_size or course.samples or 1) < SEEN or not _learns(course):
        return None
    if share >= (DOUBT if blind else SIGNAL_IF_SURE):
        return Reading(0.0, f"The signal share of the batch gradient is {share:.2f}.")
    guess, loss = chance(course), _recently(course, recent)
    if not guess or loss is None:
        return None
    threshold = SIGNAL_IF_SURE if _rested(course, guess) else SIGNAL
    alive = not median(fact_series(course, "outputs.spread", WINDOW)) <= CONSTANT  # or unknown
    moved = progress(course, WINDOW)
    at_chance = LOW <= loss / guess <= HIGH and (
        moved is None or abs(moved.fall) < FLAT or abs(moved.fall) < jump(course, POOL)
    )
    severity = max(below(max(share, 0.0), threshold), 2.0 if blind else 0.0)
    threshold = DOUBT if blind else threshold
    is_certain = course.now.step >= CERTAIN * (course.planned_steps or 0)
    return Reading(
        severity if at_chance and alive else 0.0,
        f"The loss, {loss:.4g}, is {loss / guess:.2f} × that of chance ({LOW} to {HIGH}) after "
        f"{course.count} tracked steps, with a signal share of {share:.2f} (below {threshold})"
        + (", and the outputs say nothing of the labels." if blind else "."),
        {"signal": share, "threshold": threshold, "loss": loss, "chance": guess},
        level=None if is_certain else "advisory",
    )


def _learns(course: Course) -> bool:
    """Whether the steps are long enough to learn something, as far as one knows."""
    far, frozen = reach(course), course.fact("model.frozen_share", 0.0)
    return (far is None or far >= REACH) and frozen <= FROZEN


def _blind(course: Course) -> bool:
    """Whether the labels stand anywhere among the outputs."""
    planned = course.planned_steps
    if course.now.step < BEGUN * planned if planned else course.count < UNPLANNED:
        return False
    steps = [s for s in course.steps if "labels.quarters" in s.facts][-BATCHES:]
    labels = sum(s.batch_size or 0 for s in steps)
    if len(steps) < BATCHES or labels < LABELS:
        return False
    quarters = [s.facts["labels.quarters"] for s in steps]
    return sum(found[0] - found[3] for found in quarters) / BATCHES < BLIND


def _recently(course: Course, count: int) -> float | None:
    """Mean of the last losses, no older than half of the run so far if there are enough."""
    losses = course.last("Loss", min(max(count, LEAST), WINDOW))
    return float(losses.mean()) if len(losses) >= LEAST else None


def _mean(course: Course, skip: int = 0) -> float | None:
    """Mean of the losses of a window: the median of squared errors is below what is expected."""
    losses = course.last("Loss", WINDOW + skip)[:WINDOW]
    return float(losses.mean()) if len(losses) >= FEW else None


def _rested(course: Course, guess: float) -> bool:
    """Whether the loss has been at chance for long, at both ends of that time."""
    since = course.now.step - SURE * (course.planned_steps or math.inf)
    if course.steps[0].step > since:
        return False
    skip = sum(step.step >= since for step in course.steps) - WINDOW
    losses = [_mean(course), _mean(course, max(skip, 0))]
    return all(loss and LOW_IF_SURE <= loss / guess <= HIGH for loss in losses)
