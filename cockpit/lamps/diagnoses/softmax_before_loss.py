"""Outputs that are shares already, for a loss that wants what they are made of."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.losses import BINARY_LOGITS, CLASSES

LINEAR = ("Addmm", "Baddbmm", "Bmm", "Convolution", "Mm")  # what makes logits, mostly
SIGMOID_STEPS = 16  # tracked, in which all outputs were between 0 and 1
SIGMOID_RANGE = 0.5  # of them: logits that go so far do not stop at 0 and 1


@lamp(
    title="Softmax before the loss",
    level="warning",
    group="loss",
    kind="exact",
    needs=("loss.function", "outputs.sum_to_one"),
    means="The outputs are probabilities already, and the loss makes probabilities of them again.",
    do="Remove the softmax at the end of the model (for CrossEntropyLoss), take log_softmax "
    "instead (for NLLLoss), or remove the sigmoid (for BCEWithLogitsLoss).",
    source="torch.nn.CrossEntropyLoss: 'input is expected to contain the unnormalized logits'",
    sustain=2,
    inhibits=("wrong_labels", "learning_rate_too_small", "converged", "vanishing_gradients",
              "noise_floor", "saturated_units", "batch_too_small"),
)  # fmt: skip
def softmax_before_loss(course: Course) -> Reading | None:
    """Each output is at least 0, and those of a sample sum to 1.

    Logits don't do that by accident. A softmax of probabilities is never sure of anything, so that
    the loss of C classes cannot fall below ln(1 + (C − 1)/e), and its gradient is small. Logarithms
    of probabilities, for NLLLoss, are all below 0 and don't sum to 1: they are right. A sigmoid
    before BCEWithLogitsLoss is seen in the graph of the outputs. Where the graph does not tell (a
    sigmoid written by hand, a compiled model), it is a caution when all outputs of 16
    tracked steps were between 0 and 1 and went from below ¼ to above ¾: a model's first logits may
    all be small and positive, but not around ½.
    """
    name, is_share = course.fact("loss.function"), course.fact("outputs.sum_to_one")
    shape = course.shape_of("outputs")
    if name in BINARY_LOGITS:
        return _sigmoid(course)
    if is_share is None or name not in CLASSES or (len(shape) > 1 and shape[1] < 2):
        return None
    words = "are all ≥ 0 and sum to 1" if is_share else "are no probabilities"
    return Reading(
        2.0 if is_share else 0.0,
        f"The outputs of each sample at step {course.now.step} {words}; {name} expects others.",
        {"sum_to_one": bool(is_share)},
    )


def _sigmoid(course: Course) -> Reading | None:
    """What makes the outputs of a binary classification, or else what they look like."""
    made_by = course.fact("outputs.operation")
    if made_by == "Sigmoid":
        return Reading(2.0, "The outputs are those of a sigmoid, and the loss computes another.")
    if made_by in LINEAR:
        return Reading(0.0, f"The outputs are those of a linear map ({made_by}).")
    return _looks_like_sigmoid(course)


def _looks_like_sigmoid(course: Course) -> Reading | None:
    lows, highs = (course.last_facts(f"outputs.{end}", SIGMOID_STEPS) for end in ("min", "max"))
    if min(len(lows), len(highs)) < SIGMOID_STEPS:
        return None
    low, high = min(lows), max(highs)
    is_within = low >= 0 and high <= 1
    return Reading(
        above(2 * min(0.5 - low, high - 0.5), SIGMOID_RANGE) if is_within else 0.0,
        f"All outputs of the last {len(lows)} tracked steps are between {low:.3g} and {high:.3g}, "
        f"as behind a sigmoid (within [0, 1], and over {SIGMOID_RANGE} of it around ½).",
        {"low": low, "high": high},
        level="caution",
    )
