"""The same output, whatever the input is."""

from __future__ import annotations

import itertools
import math

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import Reading, lamp
from cockpit.lamps.losses import BINARY_LOGITS, CLASSES, MASK
from cockpit.lamps.network import network

SPREAD = 1e-5  # over the samples, relative to all: no more than rounding
ROUNDING = 1e-6  # of the outputs; the spread of a single one a sample says nothing of it
VANISHED = 3e-3  # smallest over largest gradient norm of a layer
FROM_THE_START, LATER = 3, 16  # tracked steps in a row


@lamp(
    title="Constant outputs",
    level="caution",
    group="model",
    kind="exact",
    needs=("outputs.min", "outputs.max"),
    means="The model returns the same for every sample of the batch: it does not use its inputs.",
    do="Follow one batch through the model and look where its samples become equal: an index or an "
    "expand() too many, a mask of zeros, units that are all dead.",
    source="Karpathy (2019), A recipe for training neural networks: input-independent baseline",
    inhibits=("wrong_labels", "learning_rate_too_small", "converged", "batch_too_large",
              "noise_floor", "weight_decay_dominates"),
)  # fmt: skip
def constant_output(course: Course) -> Reading | None:
    """Outputs differ between samples by no more than rounding, from the first tracked step on.

    It takes 3 of them. A last layer that begins at zero has equal outputs until the first step is
    made, and a gradient scaler may skip some. Where outputs differed in the beginning, something
    has destroyed the model meanwhile (steps that are too long, dying units), which has lamps of its
    own. In both cases this one follows after 16 tracked steps. Where
    the gradient vanishes from layer to layer (below 0.003), so does what the outputs know of the
    inputs, and ``vanishing_gradients`` says so. Batches of one sample, models without layers,
    constant targets, and masked logits (−1,000 or less), beside which the others are nothing, are
    left out.
    """
    if not _knows(course.now) or course.samples < 2 or not network(course).weights:
        return None
    from_the_start = _is_constant(course.first[0]) and not course.first_fact("model.zero_weights")
    needed = FROM_THE_START if from_the_start else LATER
    in_a_row = _constant_steps(course)
    if in_a_row and _vanishes(course):
        return None
    return Reading(
        in_a_row / needed,
        f"Outputs differ between the {course.samples} samples by no more than rounding at "
        f"{in_a_row} tracked steps in a row (from {needed} on).",
        {"steps": in_a_row, "threshold": needed},
    )


def _constant_steps(course: Course) -> int:
    """For how many tracked steps it has been so."""
    if course.fact("targets.variance") == 0:
        return 0
    return sum(1 for _ in itertools.takewhile(_is_constant, filter(_knows, reversed(course.steps))))


def _knows(step: StepView) -> bool:
    return "outputs.min" in step.facts and "outputs.max" in step.facts


def _is_constant(step: StepView) -> bool:
    if not _knows(step):
        return False
    low, high = step.facts["outputs.min"], step.facts["outputs.max"]
    spread = step.facts.get("outputs.spread", math.nan)
    is_masked = low <= MASK and step.facts.get("loss.function") in (*CLASSES, *BINARY_LOGITS)
    return bool(math.isclose(low, high, rel_tol=ROUNDING) or (spread <= SPREAD and not is_masked))


def _vanishes(course: Course) -> bool:
    layers = network(course).weights
    norms = zip(course.layer_names, course.now.layers.get("GradNorm", ()), strict=False)
    found = [norm for name, norm in norms if name in layers and norm > 0]
    return len(found) > 1 and min(found) < VANISHED * max(found)
