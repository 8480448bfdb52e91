"""Steps from wall to wall."""

from __future__ import annotations

import math

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
    recent = sorted(a for a in course.last("Alpha", WINDOW) if math.isfinite(a))
    alpha, share = median(recent, WINDOW // 2), signal(course)
    if math.isnan(alpha) or math.isnan(share) or course.count < 2 * WINDOW:
        return None
    spread = recent[-(len(recent) // 4) - 1] - recent[len(recent) // 4]
    if not NEAR <= alpha <= FAR or spread >= TIGHT or share <= SIGNAL:
        return Reading(0.0, f"α is {alpha:.2f} in the median, with quartiles {spread:.2f} apart.")
    moved, promise = progress(course), median(useful(course))
    if moved is None or math.isnan(promise):
        return None
    turns = _turns(course)
    promised = promise * moved.steps
    stands = promised >= PROMISE and moved.fall < STAGNANT * promised
    return Reading(
        1 + share if stands or turns >= TURNS else 0.0,
        f"α is {alpha:.2f} in the median ({NEAR} to {FAR}; 1 is opposite to the start) and differs "
        f"little between steps, the signal share is {share:.2f} (over {SIGNAL}), and the loss fell "
        f"by {-math.expm1(-moved.fall):.1%} in {moved.steps:.0f} steps.",
        {"alpha": alpha, "signal": share, "fall": moved.fall, "turns": turns},
        suggestion=Suggestion("lr", factor=1 / 2),
    )


def _turns(course: Course) -> float:
    """Share of sign changes between the loss's differences at neighbouring steps; NaN: too few."""
    recent = [s for s in list(course.steps)[-2 * WINDOW :] if "Loss" in s.values]
    found = [
        (b.values["Loss"] - a.values["Loss"]) * (c.values["Loss"] - b.values["Loss"]) < 0
        for a, b, c in zip(recent, recent[1:], recent[2:], strict=False)
        if c.step - a.step == 2
    ]
    return sum(found) / len(found) if len(found) >= WINDOW else math.nan
