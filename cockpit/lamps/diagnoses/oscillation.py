"""Steps from wall to wall."""

from __future__ import annotations

import math

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, lamp
from cockpit.lamps.statistics import WINDOW, median, progress, signal, useful

NEAR, FAR = 0.7, 1.6  # α: 1 is the point opposite to the start, as high as that
TIGHT = 0.6  # quartile distance of α: it is the same at each step
SIGNAL = 0.5  # of s: it is not noise that turns the gradient around
STAGNANT = 0.1  # share of the promised fall of the loss
PROMISE = 0.1  # logarithm of a fall that could be seen: 10 %
TURNS = 0.85  # share of neighbours' differences that change sign; noise alone: 2/3


@lamp(
    title="Oscillation",
    level="advisory",
    group="steps",
    kind="statistical",
    needs=("Alpha", "NormTest", "Loss", "update.decrease"),
    means="Each step crosses the valley and ends as high on its other side.",
    do="Halve the learning rate; with momentum, lower that first.",
    source="thesis 7.1, figure 7.1; thresholds: our own",
    sustain=3,
    inhibits=("edge_of_stability",),
)
def oscillation(course: Course) -> Reading | None:
    """α is the same at nearly every step, and near 1: the point opposite to the start.

    That alone is no harm. It counts if the samples agree (s above 0.5, so that it is not noise that
    turns the steps around), and either the loss has fallen by less than a tenth of what the steps
    promise, or it goes up and down in turn at tracked neighbours (of noise alone, two of three
    differences change sign; here 85 % must).
    """
    recent = course.last("Alpha", WINDOW)
    recent = recent[np.isfinite(recent)]
    alpha, share = median(recent, WINDOW // 2), signal(course)
    promise = median(useful(course.steps)[-WINDOW:], WINDOW // 2)
    moved = progress(course)
    if math.isnan(alpha) or math.isnan(share) or math.isnan(promise) or moved is None:
        return None
    low, high = np.percentile(recent, [25, 75])
    turns = _turns(course)
    promised = promise * moved.steps
    stands = promised >= PROMISE and moved.fall < STAGNANT * promised
    harmed = (stands or turns >= TURNS) and share > SIGNAL
    bouncing = NEAR <= alpha <= FAR and high - low < TIGHT
    return Reading(
        1 + share if harmed and bouncing else 0.0,
        f"α is {alpha:.2f} in the median ({NEAR} to {FAR}; 1 is opposite to the start) and differs "
        f"little between steps, the signal share is {share:.2f} (over {SIGNAL}), and the loss fell "
        f"by {-math.expm1(-moved.fall):.1%} in {moved.steps:.0f} steps.",
        {"alpha": alpha, "signal": share, "fall": moved.fall, "turns": turns},
        suggestion=Suggestion("lr", factor=1 / 2),
    )


def _turns(course: Course) -> float:
    """Share of sign changes between the loss's differences at neighbouring steps; NaN: too few."""
    recent = [s for s in course.steps if "Loss" in s.values][-2 * WINDOW :]
    found = [
        (b.values["Loss"] - a.values["Loss"]) * (c.values["Loss"] - b.values["Loss"]) < 0
        for a, b, c in zip(recent, recent[1:], recent[2:], strict=False)
        if c.step - a.step == 2
    ]
    return sum(found) / len(found) if len(found) >= WINDOW else math.nan
