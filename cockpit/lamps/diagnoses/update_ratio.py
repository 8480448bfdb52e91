"""Updates that are out of proportion to the weights."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import WINDOW, fact_series, left, median

LARGE = 0.1  # ‖Δθ‖/‖θ‖ of a step: usual are 1e-4 to 1e-2
HUGE = 0.5  # where no harm is seen: small models learn well with 0.2
SPREAD = 1e5  # largest over smallest of a step: usual are up to 1e3 with SGD
HARMED = 0.95  # of the first loss
PATIENCE = 12  # tracked steps
BEGUN = 0.25  # of the planned steps: before, a loss at its start is no harm yet
UNEVEN = 30.0  # largest over smallest learning rate of the groups: meant, or a slip
LARGE_IF_UNEVEN, SOON = 0.1, 4  # then harm need not be seen; tracked steps
SPREAD_IF_UNEVEN = 100.0  # of the updates: healthy runs with one rate have 1 to 18
STILL = 0.02  # T times the smallest update: healthy runs have 0.14 and more


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
    inhibits=("learning_rate_too_small",),
)
def update_ratio(course: Course) -> Reading | None:
    """A weight should change by little of its length a step, and all weights by like parts.

    The length of a weight's update relative to its own length, in the medians of 8 tracked steps:
    the largest of a layer is above 0.1 while the loss is not below 0.95 of its start (a caution),
    or above 0.5, or 100,000 times the smallest (something to know). A layer that begins at or near
    zero has a large ratio in its first steps: only lasting ones count, and harm counts after a
    quarter of the run.

    Where parameter groups have learning rates that are 30 times apart or more, the rates may be
    mixed up. That is a caution if the fastest layer changes by more than 0.1 a step from the start,
    or if the slowest one would not change by 2 % of its length in the whole run while another one
    moves 100 times as far (a head with 1000 times the rate of the rest: 300 to 10,000 times; a
    pretrained trunk with a small rate still changes by more).
    """
    largest = median(fact_series(course, "update.ratio_max", WINDOW), WINDOW // 2)
    smallest = median(fact_series(course, "update.ratio_min", WINDOW), WINDOW // 2)
    loss = left(course)
    uneven = _uneven(course, largest, smallest)
    if uneven is not None:
        return uneven
    if math.isnan(largest) or course.count < PATIENCE:
        return None
    spread = largest / smallest if smallest > 0 else math.nan  # 0: a layer that does not learn
    begun = course.now.step >= BEGUN * (course.planned_steps or 0)
    harmed = loss is not None and loss >= HARMED and begun
    threshold = LARGE if harmed else HUGE
    by_size = above(largest, threshold)
    by_spread = above(spread, SPREAD) if spread > 0 else 0.0
    level: Level = "caution" if harmed and by_size >= 1 else "advisory"
    fast, slow = course.fact("update.ratio_max_layer"), course.fact("update.ratio_min_layer")
    layers = tuple(x for x in ((fast,) if by_size >= by_spread else (fast, slow)) if x)
    return Reading(
        max(by_size, by_spread),
        f"A step changes weights by up to {largest:.2g} of their length (over {threshold}"
        f"{_now(fast)}), and by no less than {smallest:.2g}{_now(slow)}; more than {SPREAD:.0e} "
        "apart is out of line.",
        {"largest": largest, "smallest": smallest, "threshold": threshold},
        layers=layers,
        level=level,
        suggestion=Suggestion("lr", factor=LARGE / 10 / largest, layers=layers)
        if by_size >= 1
        else Suggestion("layers", layers=layers),
    )


def _now(layer: str | None) -> str:
    """Which layer it is at the last tracked step, if that is known."""
    return f"; now {layer}" if layer else ""


def _uneven(course: Course, largest: float, smallest: float) -> Reading | None:
    """Whether groups have rates so far apart that a layer leaps, or stands still."""
    rates = [lr for lr in course.now.lr if lr > 0]
    if len(rates) < 2 or max(rates) < UNEVEN * min(rates) or course.count < SOON:
        return None
    apart, spread = max(rates) / min(rates), largest / smallest if smallest > 0 else math.nan
    leaps, planned = above(largest, LARGE_IF_UNEVEN), course.planned_steps
    rests = planned is not None and spread >= SPREAD_IF_UNEVEN and planned * smallest < STILL
    fast, slow = course.fact("update.ratio_max_layer"), course.fact("update.ratio_min_layer")
    if not rests and (leaps < 1 or fast in course.first_fact("model.zero_weights", ())):
        return None  # a head that begins at zero has to leap
    layers = tuple(x for x in ((fast, slow) if rests else (fast,)) if x)
    return Reading(
        max(leaps, spread / SPREAD_IF_UNEVEN if rests else 0.0),
        f"Parameter groups have learning rates that are {apart:.3g} times apart (over {UNEVEN:g}): "
        f"a step changes weights by up to {largest:.2g} of their length (over {LARGE_IF_UNEVEN}"
        f"{_now(fast)}), and by no less than {smallest:.2g}{_now(slow)}.",
        {"largest": largest, "smallest": smallest, "rates": apart, "threshold": UNEVEN},
        layers=layers,
        level="caution",
        suggestion=Suggestion("layers", layers=layers),
    )
