"""Features that say nothing."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp

SHARE = 0.5  # of the features
BATCHES = 8  # the last tracked ones
FEWEST_BATCHES, FEWEST = 3, 8


@lamp(
    title="Constant features",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.constant",),
    means="Half of the features, or more, have the same value for all samples, in every batch.",
    do="Look at these columns where the data is loaded and joined: they were lost on the way, or "
    "can be left out.",
    source="our own",
    sustain=2,
    inhibits=("constant_output", "wrong_labels", "learning_rate_too_small", "converged"),
)
def constant_features(course: Course) -> Reading | None:
    """In one batch, many features of sparse inputs are constant, and all is well.

    Words that occur in no text of the batch, pixels at the border, rare categories: their number
    changes from batch to batch. A column that was lost is constant in all of them, so the lamp asks
    for the same share in each of at least 3 (of the last 8) tracked batches, and for half of the
    features. It is wrong for sparse inputs of which every batch has equally many, and for features
    that are rarer than the tracked batches are large.
    """
    shares = course.last_facts("inputs.constant", BATCHES)
    if "inputs.constant" not in course.now.facts or course.samples < FEWEST:
        return None
    if len(shares) < FEWEST_BATCHES:
        return None
    is_same = max(shares) == min(shares)
    return Reading(
        above(shares[-1], SHARE) if is_same else 0.0,
        f"{shares[-1]:.0%} of the features are constant within the batch (from {SHARE:.0%} on), in "
        f"the last {len(shares)} tracked batches {min(shares):.0%} to {max(shares):.0%}.",
        {"share": shares[-1], "threshold": SHARE},
    )
