"""Gradients that grow: on their way to the first layers, or from step to step."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.depth import ends
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import WINDOW, left, median

RECENT = 4  # tracked steps: a run with such gradients does not last long
DEPTH = 300.0  # the mirror image of the vanishing ones' 3e-3; healthy at most about 12
PATIENCE = 20  # tracked steps, for growth: a loss that explodes has its say first
GROWTH = 100.0  # of the first norms: networks that train well had up to 17
HARMED = 1.0  # of the first loss


@lamp(
    title="Exploding gradients",
    level="warning",
    group="model",
    kind="statistical",
    needs=("GradNorm", "Loss"),
    means="Gradients grow without measure: backward through the layers, or from step to step.",
    do="Clip the gradient's norm; initialize with smaller weights; put in normalization.",
    source="Pascanu, Mikolov and Bengio (2013); thresholds: our own",
    sustain=2,
    inhibits=("diverged", "nonfinite_gradient", "oscillation", "update_ratio"),
)
def exploding_gradients(course: Course) -> Reading | None:
    """Backward through many layers, or steps, factors above 1 multiply.

    Either even the smallest gradient norm in the first third of the weights is above 300 times the
    largest in the last third: it grows by its way through the layers. Or the whole gradient is 100
    times longer than at first.

    Medians of 8 tracked steps, fewer at first; the whole gradient of 4. It is a warning if the loss
    is not below its start. Otherwise the first case is something to know (clipping, or Adam, may
    get along with it), the second nothing: gradients of networks grow while they learn.
    """
    found, loss = ends(course, WINDOW), left(course, RECENT)
    growth = _growth(course)
    if loss is None or course.count < RECENT or (found is None and math.isnan(growth)):
        return None
    depth = math.nan
    if found is not None:
        depth = min(found.input.values()) / max(found.output.values())
    harmed = loss >= HARMED
    by_depth = above(depth, DEPTH) if depth > 0 else 0.0
    by_time = above(growth, GROWTH) if growth > 0 and harmed and course.count >= PATIENCE else 0.0
    layers = tuple(found.input) if found is not None and by_depth >= by_time else ()
    where = (
        f"the first weights' gradients are {depth:.2g} × the last ones' (over {DEPTH:g})"
        if by_depth >= by_time
        else f"the gradient is {growth:.2g} × as long as at first (over {GROWTH:g})"
    )
    return Reading(
        max(by_depth, by_time),
        f"In the last tracked steps {where}, and the loss is {loss:.2f} × its first value.",
        {"depth": depth, "growth": growth, "loss_left": loss},
        layers=layers,
        level="warning" if harmed else "advisory",
        suggestion=Suggestion("clip_norm", value=_usual(course), layers=layers),
    )


def _usual(course: Course) -> float | None:
    """The gradient's norm when the run began."""
    norms = [s.values["GradNorm"] for s in course.first if "GradNorm" in s.values]
    found = [n for n in norms if 0 < n < math.inf][:3]
    return min(found[0], median(found)) if found else None


def _growth(course: Course) -> float:
    usual, recent = _usual(course), course.last("GradNorm", RECENT)
    return math.nan if usual is None else median(recent, RECENT // 2) / usual
