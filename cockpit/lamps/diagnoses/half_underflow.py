"""Gradients too small for half precision."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.lookback import is_half

ZEROS = 0.3  # share of the gradient's elements
NEAR = 3e-5  # root mean square of the others: 500 times the smallest number above 0


@lamp(
    title="Underflow in half precision",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("gradient.zeros", "gradient.scale", "GradNorm"),
    means="Gradients in float16 are so small that many of them are rounded to zero.",
    do="Scale the loss (torch.amp.GradScaler), or use bfloat16, whose range is that of float32.",
    source="Micikevicius et al. (2018), Mixed precision training",
    sustain=2,
    inhibits=("learning_rate_too_small", "vanishing_gradients", "dead_units", "converged",
              "update_ratio"),
)  # fmt: skip
def half_underflow(course: Course) -> Reading | None:
    """The smallest number above 0 in float16 is 6e-8; what is below half of it becomes 0.

    Zeros alone mean little: dead units and words that don't occur make them, too. So the elements
    that are left have to be near to that number as well: their root mean square below 3e-5. It
    counts if gradients or outputs are float16 (bfloat16 goes as far down as float32), and if the
    loss is not scaled.
    """
    zeros, norm = course.fact("gradient.zeros"), course.now.values.get("GradNorm")
    if zeros is None or norm is None or "gradient.scale" not in course.now.facts:
        return None
    if not any(is_half(course.fact(f"{what}.dtype")) for what in ("gradient", "outputs")):
        return None
    size = sum(math.prod(layer["shape"]) for layer in course.header.get("layers") or ())
    others = norm / math.sqrt(max(size * (1 - zeros), 1))
    return Reading(
        above(zeros, ZEROS) if others < NEAR else 0.0,
        f"{zeros:.0%} of the gradient's elements are exactly 0 (over {ZEROS:.0%}), and the others "
        f"{others:.1e} as a root mean square (under {NEAR:.0e}).",
        {"zeros": zeros, "rms": others, "threshold": ZEROS},
    )
