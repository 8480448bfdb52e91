"""Weights and gradients in half precision that are rounded away."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, below, lamp
from cockpit.lamps.network import is_adaptive, is_half, network

ZEROS = 0.3  # share of the gradient's elements
NEAR = 3e-5  # root mean square of the others: 500 times the smallest number above 0
SMALLEST = 2.0**-25  # rounded to 0
SPACING = 2.0**-11  # how far neighbours are apart, relative to them


@lamp(
    title="Underflow in half precision",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("gradient.dtype", "gradient.zeros", "GradNorm"),
    means="Weights are in float16, where small gradients become zero and short steps are lost.",
    do="Keep the weights in float32 and use autocast with torch.amp.GradScaler; or use bfloat16, "
    "whose range is that of float32.",
    source="Micikevicius et al. (2018), Mixed precision training",
    sustain=2,
    inhibits=("learning_rate_too_small", "vanishing_gradients", "dead_units", "converged",
              "update_ratio", "decayed_too_early"),
)  # fmt: skip
def half_underflow(course: Course) -> Reading | None:
    """Three things are lost in float16: gradients below 3e-8, steps below 1/2,048, and a tiny ε.

    Zeros alone mean little: dead units and words that don't occur make them, too. So the elements
    that are left have to be near to the smallest number as well: their root mean square below 3e-5.
    Steps are lost where no layer moves by more than 1/2,048 of its length. The ε of Adam and its
    kin, by which they avoid a division by zero, is 1e-8 by default: in float16 that is 0, and a
    gradient whose square is rounded to 0 makes a weight infinite or NaN (not in fused optimizers,
    which compute in float32). Only gradients of type
    float16 are looked at, i.e. weights of that type, to which no gradient scaler can be applied;
    with autocast, weights and their gradients are float32, and underflow within the backward pass
    is not seen. bfloat16 goes as far down as float32.
    """
    zeros, norm = course.fact("gradient.zeros"), course.now.values.get("GradNorm")
    if zeros is None or norm is None or not course.fact("gradient.dtype"):
        return None
    if not is_half(course.fact("gradient.dtype")):
        return Reading(0.0, f"Gradients are {course.fact('gradient.dtype')} (not float16).")
    epsilon = _epsilon(course)
    if epsilon < SMALLEST:
        return Reading(
            above(1.0, 1.0),
            f"The weights are in float16, in which the optimizer's ε, {epsilon:.0e}, is 0 (below "
            f"{SMALLEST:.0e}): where the square of a gradient is, too, the step is no number, or "
            "infinite.",
            {"epsilon": epsilon, "smallest": SMALLEST},
        )
    size = network(course).size
    others = norm / math.sqrt(max(size * (1 - zeros), 1))
    longest = course.fact("update.ratio_max") or 1.0  # of no step at all nothing is lost
    return Reading(
        max(above(zeros, ZEROS) if others < NEAR else 0.0, below(longest, SPACING)),
        f"In float16, {zeros:.0%} of the gradient's elements are exactly 0 (over {ZEROS:.0%}) and "
        f"the others {others:.1e} as a root mean square (under {NEAR:.0e}); no layer moves by more "
        f"than {longest:.1e} of its length (under {SPACING:.1e}).",
        {"zeros": zeros, "rms": others, "longest": longest, "spacing": SPACING},
    )


def _epsilon(course: Course) -> float:
    """The smallest ε of an adaptive optimizer's groups; ∞ of others."""
    groups = [g for g in course.groups if is_adaptive(course) and not g.get("fused")]
    found = [group.get("eps") for group in groups]  # fused ones compute in float32
    return min((float(x) for x in found if isinstance(x, int | float)), default=math.inf)
