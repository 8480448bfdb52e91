"""Gradients that grow: on their way to the first layers, or from step to step."""

from __future__ import annotations

import itertools
import math

from cockpit.lamps.course import Course, once_a_run, once_a_step
from cockpit.lamps.depth import ends
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.network import weight_layers
from cockpit.lamps.statistics import WINDOW, left, median

RECENT = 4  # tracked steps: a run with such gradients does not last long
DEPTH = 300.0  # the mirror image of the vanishing ones' 3e-3; healthy at most about 12
PATIENCE = 20  # tracked steps, for growth: a loss that explodes has its say first
GROWTH = 100.0  # of the first norms: networks that train well had up to 17
HARMED = 1.0  # of the first loss
BACKWARD = 20.0  # first biases' gradients relative to the last ones'; healthy at most 3
STEADY = 2.0  # from third to third
DEEP = 6  # layers with biases: in fewer, each single weight is too large


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
    inhibits=("diverged", "first_loss_too_high", "learning_rate_too_large", "nonfinite_gradient",
              "nonfinite_loss", "oscillation", "update_ratio"),
)  # fmt: skip
def exploding_gradients(course: Course) -> Reading | None:
    """Backward through many layers, or steps, factors above 1 multiply.

    There are three cases. First: the gradients of biases are those of the layers' outputs, summed,
    and show how the gradient grows on its way back. (Those of weights do not: they are multiplied
    by the layer's inputs, which are the larger the nearer to the outputs, so that in a network of
    ReLUs all are alike.) The largest of the first third is above 20 times the largest of the last
    third, and each third is above the next by a factor of 2, in 6 layers or more. Healthy runs had
    at most 3 at first and 4 later; plain networks of 6 to 20 layers, VGGs, transformers and
    residual networks as torch, He or Xavier initialize them 0 to 3; six layers with weights three
    times too large 85 to 250; and ten residual blocks without norms, with He's weights in all
    layers, 87: these do explode (Zhang et al., 2019). With fewer layers ``first_loss_too_high`` has
    its say.

    Second: even the smallest gradient norm in the first third of the weights is above 300 times the
    largest in the last third. Third: the whole gradient is 100 times longer than at first.

    Medians of 8 tracked steps, fewer at first; the whole gradient of 4. It is a warning if the loss
    is not below its start; before 4 tracked steps, where only the first case is looked at, a
    caution. Otherwise the first two cases are something to know (clipping, or Adam, may get along
    with them), the third nothing: gradients of networks grow while they learn.
    """
    loss, is_early = left(course, RECENT), course.count < RECENT
    backward = _backward(course)
    depth = growth = math.nan
    if not is_early:
        found = ends(course, WINDOW)
        depth = min(found.input.values()) / max(found.output.values()) if found else math.nan
        growth = _growth(course)
    if all(map(math.isnan, (backward, depth, growth))) or (loss is None and not is_early):
        return None
    loss = 1.0 if loss is None else loss
    harmed = loss >= HARMED
    may_grow = harmed and course.count >= PATIENCE
    by_layers, by_depth = _severity(backward, BACKWARD), _severity(depth, DEPTH)
    by_time = _severity(growth, GROWTH) if may_grow else 0.0
    severity, where = max(
        (
            by_layers,
            f"the first biases' gradients are {backward:.2g} × the last ones' (over {BACKWARD:g})",
        ),
        (
            by_depth,
            f"the first weights' gradients are {depth:.2g} × the last ones' (over {DEPTH:g})",
        ),
        (by_time, f"the gradient is {growth:.2g} × as long as at first (over {GROWTH:g})"),
    )
    level: Level = "caution" if is_early else "warning" if harmed else "advisory"
    layers = _first_weights(course) if severity > by_time else ()
    return Reading(
        severity,
        f"In the last tracked steps {where}, and the loss is {loss:.3g} × its first value.",
        {"backward": backward, "depth": depth, "growth": growth, "loss_left": loss},
        layers=layers,
        level=level,
        suggestion=Suggestion("clip_norm", value=_usual(course), layers=layers),
    )


def _severity(value: float, threshold: float) -> float:
    return above(value, threshold) if value > 0 else 0.0  # nor is NaN


def _first_weights(course: Course) -> tuple[str, ...]:
    """Names of the first third of the weights."""
    positions = weight_layers(course)
    return tuple(course.layer_names[i] for i in positions[: len(positions) // 3])


@once_a_step
def _backward(course: Course) -> float:
    """How much larger the gradients of the first biases are than the last ones'.

    NaN if there are too few, 0 if they do not grow from third to third: where a norm follows, the
    gradient of a bias is next to 0, wherever that is.
    """
    places = _biases(course)
    if len(places) < DEEP:
        return math.nan
    rows = (s.layers["GradNorm"] for s in reversed(course.steps) if "GradNorm" in s.layers)
    recent = [row[places] for row in itertools.islice(rows, WINDOW)]
    norms = [x for x in map(median, zip(*recent, strict=True)) if 0 < x < math.inf]
    third = len(norms) // 3
    if len(norms) < DEEP:
        return math.nan
    first, last = max(norms[:third]), max(norms[-third:])
    between = median(norms[third:-third])
    return first / last if min(first / between, between / last) >= STEADY else 0.0


@once_a_run
def _biases(course: Course) -> list[int]:
    """Positions of the biases of linear layers and convolutions, inputs first."""
    return [
        position
        for position, layer in enumerate(course.header.get("layers") or ())
        if len(layer.get("shape") or ()) == 1
        and layer.get("trainable", True)
        and layer.get("name", "").endswith("bias")
        and any(word in layer.get("module_type", "") for word in ("Linear", "Conv"))
    ]


def _usual(course: Course) -> float | None:
    """The gradient's norm when the run began."""
    norms = [s.values["GradNorm"] for s in course.first if "GradNorm" in s.values]
    found = [n for n in norms if 0 < n < math.inf][:3]
    return min(found[0], median(found)) if found else None


def _growth(course: Course) -> float:
    usual, recent = _usual(course), course.last("GradNorm", RECENT)
    return math.nan if usual is None else median(recent, RECENT // 2) / usual
