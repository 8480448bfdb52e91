"""Features in units of very different size."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import TOO_LONG, Reading, above, lamp
from cockpit.lamps.network import network

RATIO = 50.0  # standardized tables stay below 10, also in small batches
PIXELS = 150.0  # × √N: a pixel that one sample of N has at 1/255 against one that is black or white
SPARSE = 1000.0  # at least, for inputs with rare features
WIDE = 64  # features, from which rare ones are likely
SPREAD = 15.0  # of the features that are not rare, without the extremes; pixels: at most 6
FEWEST = 8  # samples


@lamp(
    title="Features of unequal scale",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.scale_ratio",),
    means="Some features of the inputs vary far more than others: the largest drown the rest.",
    do="Standardize each feature by itself (mean 0, standard deviation 1 over the training data).",
    source="LeCun et al. (1998), Efficient BackProp, 4.3",
    sustain=2,
    inhibits=(*TOO_LONG, "unscaled_input", "uncentred_input", "first_loss_too_high",
              "constant_output", "dead_units", "saturated_units", "learning_rate_too_small"),
)  # fmt: skip
def unequal_features(course: Course) -> Reading | None:
    """The standard deviations of the features (inputs [N, features] only) differ by factors.

    50 is far more than standardized tables show in small batches (below 10). Pixels and counts are
    another matter: a feature that is rarely anything but 0 hardly varies within a batch, without
    any harm. Between a pixel that a single sample of N has at 1/255 and one that is black or white
    lies a factor of up to 127 √N; so wide inputs, and those with features that are constant in this
    batch, light the lamp beyond 1,000 and 150 √N only. Or they do from a factor of 15 on that lies
    between the 1st and the 9th decile of those features that are not rare: of pixels that is 2, in
    batches of 8 up to 6; of 64 pixels that were multiplied by factors of 0.1 to 10 it is 40.
    A norm before the first layer is an excuse (an advisory); one behind it comes too late.
    """
    ratio, count = course.fact("inputs.scale_ratio"), course.samples
    if ratio is None or count < FEWEST:
        return None
    width = math.prod(course.shape_of("inputs")[1:])
    is_sparse = course.fact("inputs.constant", 0.0) > 0 or width >= WIDE
    threshold = max(SPARSE, PIXELS * math.sqrt(count)) if is_sparse else RATIO
    spread = course.fact("inputs.scale_spread", 1.0)
    return Reading(
        max(above(ratio, threshold), above(spread, SPREAD)),
        f"The largest standard deviation of a feature is {ratio:.3g} times the smallest (over "
        f"{threshold:.0f}), the 9th decile {spread:.3g} times the 1st (over {SPREAD:.0f}).",
        {"ratio": ratio, "threshold": threshold, "spread": spread, "spread_threshold": SPREAD},
        level="advisory" if network(course).begins_with_norm else None,
    )
