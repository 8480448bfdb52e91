"""Targets that do not belong to their inputs."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, below, lamp
from cockpit.lamps.statistics import chance, median, median_loss, signal

WINDOW = 16  # tracked steps
PATIENCE = 24  # tracked steps at chance
LONG = 0.05  # of the planned steps: recurrent networks rest at chance before they learn
SIGNAL = 0.12  # prototype; noise alone gives 0 to 0.1
LOW, HIGH = 0.95, 1.3  # of the loss of chance
CONSTANT = 0.02  # outputs.spread: below, the outputs do not depend on the inputs at all


@lamp(
    title="Targets that do not belong to their inputs",
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
)
def wrong_labels(course: Course) -> Reading | None:
    """Where inputs say nothing of their targets, the samples agree on nothing.

    What is shared by all samples of wrongly paired data is learned in a few steps: how often each
    class occurs. After that each sample pulls elsewhere.

    So the loss stays at that of the best output that does not look at the input (the entropy of the
    classes, or the variance of the targets, of all tracked batches), for 24 tracked steps and 5 %
    of the planned ones, and s, the signal's share of the batch gradient, is no larger than noise
    makes it: below 0.12 in the median of 16 tracked steps. A learning rate that is too small has a
    large s; outputs that are constant (dead units, zero weights) are left to other lamps.
    """
    share, step = signal(course, WINDOW), course.now.step - course.first[0].step
    if course.count < PATIENCE or step < LONG * (course.planned_steps or 0) or math.isnan(share):
        return None
    if share >= 2 * SIGNAL:
        return Reading(0.0, f"The signal share of the batch gradient is {share:.2f}.")
    guess, loss = chance(course), median_loss(course, WINDOW)
    if guess is None or loss is None or guess <= 0:
        return None
    spreads = [s.facts["outputs.spread"] for s in course.steps if "outputs.spread" in s.facts]
    alive = not spreads or median(spreads[-WINDOW:]) > CONSTANT
    at_chance = LOW <= loss / guess <= HIGH
    return Reading(
        below(share, SIGNAL) if at_chance and alive else 0.0,
        f"The loss, {loss:.4g}, is {loss / guess:.2f} × that of chance ({LOW} to {HIGH}) after "
        f"{course.count} tracked steps, with a signal share of {share:.2f} (below {SIGNAL}).",
        {"signal": share, "threshold": SIGNAL, "loss": loss, "chance": guess},
    )
