"""Weights that are far larger at the start than any usual initialization makes them."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STAYS, TOO_LONG, Reading, above, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.pace import begins_trained
from cockpit.lamps.statistics import first_loss, median_loss

GAIN = 2.5  # textbook initializations: at most √2 · 5/3 = 2.36
LATEST = 1  # first tracked step
EARLY = 3  # tracked steps in which it may light
RECENT = 4  # tracked losses
LEARNED = 0.75  # of the loss of guessing: no untrained network is below


@lamp(
    title="Weights begin too large",
    level="caution",
    group="model",
    kind="exact",
    needs=("model.gain",),
    means="The weights at the start are several times larger than layers of this width can bear: "
    "signals and gradients grow, or saturate, from layer to layer.",
    do="Leave the initialization to torch, or draw weights with a variance of 1 or 2 over the "
    "fan-in (torch.nn.init.kaiming_normal_, xavier_normal_).",
    source="Glorot and Bengio (2010); He et al. (2015); threshold: what their rules give at most",
    inhibits=(*TOO_LONG, "first_loss_too_high", "dead_units", "saturated_units", "constant_output",
              "vanishing_gradients", "clipped_to_nothing", "learning_rate_too_small",
              "batch_too_small", "wrong_labels"),
)  # fmt: skip
def large_initialization(course: Course) -> Reading | None:
    """The root mean square of a weight times the root of its fan-in: the median over the layers.

    By so much a layer's outputs are larger than its inputs, and they keep their size at about 1
    (linear layers, tanh) or √2 (ReLU). torch's own initialization has 0.58, Xavier's at most √2 (in
    layers that narrow), He's √2, the factor that is advised for tanh 5/3, an orthogonal matrix 1;
    the most that comes of these rules is Xavier's with that factor in a network that narrows
    everywhere, 2.36. The lamp lights above 2.5: torch's weights times five have 2.9. Large weights
    are no single cause of trouble: outputs are confident and wrong, tanhs saturated, samples have
    gradients that agree on little, and a bound on the gradient leaves next to nothing of it.

    Only a first tracked step 0 or 1 is judged, and not where the first loss is well below that of
    guessing: trained weights may have any size. The lamp lights within 3 tracked steps, or never.
    After these it goes out when the median of 4 tracked losses is below ¾ of that of guessing, and
    below ¾ of the first: then the network has learned all the same.

    It is wrong where something else sets the scale. A norm behind each layer takes the factor out
    again (the weights then only turn more slowly); layers may divide their weights by the fan-in
    when they run, have sines behind them, or get inputs that are tiny; a recurrent layer may be all
    there is, whose inputs are so much wider than its state that torch itself gives it more; trained
    weights may have got a new head, so that the first loss is that of guessing; and He's rule by
    the fan-out gives more than 2.5 where nearly all layers narrow by a factor above 3.
    """
    gain = course.first_fact("model.gain")
    if gain is None or course.first[0].step > LATEST or begins_trained(course):
        return None
    severity = above(gain, GAIN)
    if course.count > EARLY:
        severity = 0.0 if _has_learned(course) else min(severity, STAYS)
    return Reading(
        severity,
        f"The weights of a layer had a gain (root mean square times root of the fan-in) of "
        f"{gain:.3g} in the median at step {course.first[0].step} (over {GAIN:g}; 0.58 as torch "
        "initializes them).",
        {"gain": gain, "threshold": GAIN},
    )


def _has_learned(course: Course) -> bool:
    """Whether the loss is well below where it began, and below that of guessing if known."""
    now, bounds = median_loss(course, RECENT), (first_loss(course), chance(course))
    known = [bound for bound in bounds if bound is not None and 0 < bound < math.inf]
    return now is not None and bool(known) and now < LEARNED * min(known)
