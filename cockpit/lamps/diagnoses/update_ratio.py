"""Updates that are out of proportion to the weights."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import WINDOW, fact_series, left, median

LARGE = 0.1  # ‖Δθ‖/‖θ‖ of a step: usual are 1e-4 to 1e-2
SPREAD = 1e5  # largest over smallest of a step: usual are up to 1e3 with SGD
HARMED = 0.95  # of the first loss
PATIENCE = 12  # tracked steps


@lamp(
    title="Updates out of proportion",
    level="advisory",
    group="steps",
    kind="statistical",
    needs=("update.ratio_max", "update.ratio_min", "Loss"),
    means="A step changes the weights of one layer by a large part, or layers learn at quite "
    "different paces.",
    do="Give that layer a smaller learning rate, or all of them; look at its initialization.",
    source="a rule of thumb (1e-3 a step), e.g. Karpathy (2015); thresholds: our own",
    sustain=5,
)
def update_ratio(course: Course) -> Reading | None:
    """A weight should change by little of its length a step, and all weights by like parts.

    The length of a weight's update relative to its own length, in the medians of 8 tracked steps:
    the largest of a layer is above 0.1, or 100,000 times the smallest.

    A layer that begins at or near zero has a large ratio in its first steps: only lasting ones
    count. It is a caution if a large ratio goes with a loss that is not below 0.95 of its start.
    """
    largest = median(fact_series(course, "update.ratio_max", WINDOW), WINDOW // 2)
    smallest = median(fact_series(course, "update.ratio_min", WINDOW), WINDOW // 2)
    loss = left(course)
    if math.isnan(largest) or course.count < PATIENCE:
        return None
    spread = largest / smallest if smallest > 0 else math.nan  # 0: a layer that does not learn
    by_size = above(largest, LARGE)
    by_spread = above(spread, SPREAD) if spread > 0 else 0.0
    harmed = by_size >= 1 and loss is not None and loss >= HARMED
    level: Level = "caution" if harmed else "advisory"
    fast, slow = course.fact("update.ratio_max_layer"), course.fact("update.ratio_min_layer")
    layers = tuple(x for x in ((fast,) if by_size >= by_spread else (fast, slow)) if x)
    return Reading(
        max(by_size, by_spread),
        f"A step changes weights by up to {largest:.2g} of their length (over {LARGE}; now "
        f"{fast}), and by no less than {smallest:.2g} (now {slow}); more than {SPREAD:.0e} apart "
        "is out of line.",
        {"largest": largest, "smallest": smallest, "threshold": LARGE},
        layers=layers,
        level=level,
        suggestion=Suggestion("lr", factor=LARGE / 10 / largest, layers=layers)
        if by_size >= 1
        else Suggestion("layers", layers=layers),
    )
