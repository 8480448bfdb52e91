"""Outputs that are shares already, for a loss that wants what they are made of."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.losses import BINARY_LOGITS, CLASSES

SHARES = {"Sigmoid": "a sigmoid", "Softmax": "a softmax"}  # what makes them
LINEAR = ("Addmm", "Baddbmm", "Bmm", "Convolution", "Mm")  # what makes logits, mostly
SIGMOID_STEPS = 16  # tracked, in which all outputs were between 0 and 1
SIGMOID_RANGE = 0.5  # of them: logits that go so far do not stop at 0 and 1


@lamp(
    title="Softmax before the loss",
    level="warning",
    group="loss",
    kind="exact",
    needs=("loss.function", "outputs.min", "outputs.max"),
    means="The outputs are probabilities already, and the loss makes probabilities of them again.",
    do="Remove the softmax or the sigmoid at the end of the model (for CrossEntropyLoss and "
    "BCEWithLogitsLoss), or take log_softmax instead (for NLLLoss).",
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
    is seen in the graph of the outputs, and so is a softmax along another axis. Where the graph
    does not tell (a sigmoid written by hand, a compiled model), it is a caution before
    BCEWithLogitsLoss when all outputs of 16 tracked steps were between 0 and 1 and went from below
    ¼ to above ¾: a model's first logits may all be small and positive, but not around ½.
    """
    name, is_share = course.fact("loss.function"), course.fact("outputs.sum_to_one")
    made_by, shape = course.fact("outputs.operation"), course.shape_of("outputs")
    is_single = len(shape) > 1 and shape[1] < 2
    if name not in BINARY_LOGITS and (name not in CLASSES or is_single):
        return None
    if is_share and name in CLASSES:
        return Reading(
            2.0,
            f"The outputs of each sample at step {course.now.step} are all ≥ 0 and sum to 1; "
            f"{name} expects others.",
            {"sum_to_one": True},
        )
    if made_by in SHARES:
        return Reading(2.0, f"The outputs are those of {SHARES[made_by]}; {name} expects others.")
    if made_by in LINEAR:
        return Reading(0.0, f"The outputs are those of a linear map ({made_by}).")
    if name in BINARY_LOGITS:
        return _looks_like_sigmoid(course)
    return None if is_share is None else Reading(0.0, "The outputs are no probabilities.")


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
