"""Features that are copies of others."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import Reading, above, lamp

SHARE = 0.3  # of the features that vary
SPARSE = 0.5  # share of constant features, from which equal ones are an accident
RARE = 4.0  # elements of a feature in a batch that are off its bound, on average
BATCHES = 8  # the last tracked ones
FEWEST_BATCHES, FEWEST = 3, 8


@lamp(
    title="Duplicated features",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.duplicates", "inputs.constant"),
    means="Some features equal others in every sample of every batch.",
    do="Look at how tables are joined and columns are chosen: a copy adds no information, and "
    "doubles the weight of what it copies.",
    source="our own",
    sustain=2,
)
def duplicated_features(course: Course) -> Reading | None:
    """Two columns that are equal in all samples, in the least of the last tracked batches.

    In a single batch of sparse inputs two rare features may be equal by accident, for instance two
    words that only one of the texts has. So it counts the copies among the features that vary, in
    the batch with the fewest of them, and is dark where most features are constant within a batch,
    or where nearly all elements are at the smallest (or largest) of all: it needs four others for
    each feature. They are counted as N (m − b)² / ((m − b)² + s²) from mean m, deviation s and that
    bound b, which is their number for flags, and no more than that for other numbers.
    From 30 % on it is a caution. Fewer, but the same number in each batch and no constant feature
    among them, are an advisory.
    """
    if "inputs.duplicates" not in course.now.facts or course.samples < FEWEST:
        return None
    if _filled(course) < RARE:
        return None
    recent = [s for s in list(course.steps)[-BATCHES:] if "inputs.duplicates" in s.facts]
    if len(recent) < FEWEST_BATCHES:
        return None
    shares = [_share(step) for step in recent]
    least = min(shares)
    is_exact = least > 0 and least == max(shares) and not course.fact("inputs.constant")
    severity = above(least, SHARE)
    return Reading(
        max(severity, 1.0) if is_exact else severity,
        f"{least:.0%} of the features that vary, or more, are copies of an earlier one, in each of "
        f"the last {len(shares)} tracked batches (over {SHARE:.0%}).",
        {"share": least, "threshold": SHARE},
        level="advisory" if severity < 1 else None,
    )


def _filled(course: Course) -> float:
    """How many elements of a feature differ from the bound of all, on average, or more."""
    mean, std, low, high = (course.fact(f"inputs.{w}") for w in ("mean", "std", "min", "max"))
    if mean is None or std is None or low is None or high is None or not std:
        return math.inf
    away = min(mean - low, high - mean)
    return float(course.samples * away**2 / (away**2 + std**2))


def _share(step: StepView) -> float:
    constant = float(step.facts.get("inputs.constant", 0.0))
    return step.facts["inputs.duplicates"] / (1 - constant) if constant < SPARSE else 0.0
