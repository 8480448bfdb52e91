"""Units that begin alike, and stay so."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import MOST_NAMES, STATISTICAL, Reading, lamp
from cockpit.lamps.network import network

SHARE = 0.5  # of the layers


@lamp(
    title="Units that begin alike",
    level="warning",
    group="model",
    kind="exact",
    needs=("model.symmetric",),
    means="All units of a layer begin with the same weights: they compute the same, get the same "
    "gradient, and stay copies of each other.",
    do="Draw the weights at random (leave the initialization to torch, or use torch.nn.init).",
    source="Goodfellow et al. (2016), Deep Learning, 8.4: breaking symmetry",
    inhibits=("constant_output", STATISTICAL),
)
def symmetric_initialization(course: Course) -> Reading | None:
    """A layer whose rows are equal, between others that are alike or zero as well.

    A single such layer does no harm: its units are told apart by the layer above or below. So there
    have to be two or more, and half of the model's layers. Only Linear, convolutional, recurrent
    and attention layers are looked at: a scale for each channel, a gate or a position that begins
    at one value is as it should be. Random biases break the symmetry, but only a little.
    """
    symmetric = course.first_fact("model.symmetric")
    layers = network(course).weights
    if symmetric is None or not layers:
        return None
    beside = {*symmetric, *course.first_fact("model.zero_weights", ())}
    equal = [name for name in symmetric if name in layers]
    alike = [name for name in beside if name in layers]
    is_bad = bool(equal) and len(alike) >= max(2.0, SHARE * min(len(layers), MOST_NAMES))
    return Reading(
        2.0 if is_bad else 0.0,
        f"In {len(equal)} of {len(layers)} layers all units had the same weights at step "
        f"{course.first[0].step} (expected: none), {len(alike)} with those at zero.",
        {"symmetric": len(equal), "alike": len(alike), "layers": len(layers)},
        layers=tuple(equal),
    )
