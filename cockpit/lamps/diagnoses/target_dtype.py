"""Targets of a type or shape that the loss takes for something else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STAYS, Reading, lamp
from cockpit.lamps.losses import BINARY_LOGITS, BINARY_SHARES, CLASSES, ELEMENTWISE
from cockpit.lamps.network import is_integer

ROUNDING = 1e-3
WIDE = 10  # range of whole numbers that are meant to be
ENOUGH, LATEST = 32, 5  # targets, or tracked steps, after which their range is known


@lamp(
    title="Targets that do not fit the loss",
    level="warning",
    group="loss",
    kind="exact",
    needs=("loss.function", "outputs.shape", "targets.shape", "targets.dtype"),
    means="Type, shape or range of the targets is not what the loss takes them for, and it "
    "computes something else without an error.",
    do="Bring outputs and targets to the same shape (squeeze or unsqueeze), class indices to int64 "
    "for CrossEntropyLoss, numbers to float.",
    source="torch's documentation of the loss functions",
    inhibits=("wrong_labels", "learning_rate_too_small", "converged", "noisy_labels",
              "first_loss_too_high", "noise_floor", "overfitting"),
)  # fmt: skip
def target_dtype(course: Course) -> Reading | None:
    """What torch accepts and hardly anyone means.

    Outputs [N] against targets [N, 1] in a loss of single elements: it compares each sample with
    each, and learns their mean. A vector of outputs in CrossEntropyLoss: the batch is taken for
    classes. Numbers beyond [0, 1] where probabilities are asked for (labels −1 and 1, or classes
    from 1 on). Whole numbers as targets of a regression, which may have lost what came after the
    point: a caution if they go over less than ten numbers, 0 or negative ones among them, as what
    is left of standardized targets; else they are counts, ages or ratings, and it is an advisory.
    Targets with a gradient (advisory): a detach() is missing, or it is a loss
    between two networks. Probabilities and one-hot rows for CrossEntropyLoss are fine, and so is
    a single target for all.
    """
    outputs, targets = course.fact("outputs.shape"), course.fact("targets.shape")
    name = course.fact("loss.function")
    if outputs is None or targets is None or name is None:
        return None
    found = _shapes(course, name, outputs, targets) or _values(course, name)
    if found is not None:
        return found
    carries = bool(course.fact("loss.target_gradient"))
    words = ", and carry a gradient" if carries else ""
    return Reading(
        2.0 if carries else 0.0,
        f"{name} got outputs {list(outputs)} and targets {list(targets)} of type "
        f"{course.fact('targets.dtype')}{words}.",
        {"target_gradient": carries},
        level="advisory",
    )


def _shapes(
    course: Course, name: str, outputs: Sequence[int], targets: Sequence[int]
) -> Reading | None:
    """What is wrong with the shapes, if anything."""
    if name in CLASSES and len(outputs) == 1 and course.samples > 1 == len(targets):
        return Reading(
            2.0,
            f"{name} got outputs {list(outputs)}: it takes the {outputs[0]} samples of the batch "
            "for classes (expected: [N, classes]).",
            {"outputs": outputs[0]},
        )
    counts = math.prod(outputs), math.prod(targets)
    if name not in ELEMENTWISE or list(outputs) == list(targets) or min(counts) == 1:
        return None
    pairs = zip_longest(reversed(outputs), reversed(targets), fillvalue=1)
    compared = math.prod(max(pair) for pair in pairs)
    if compared == counts[0] == counts[1]:
        return None
    return Reading(
        2.0,
        f"{name} got outputs {list(outputs)} and targets {list(targets)}: it makes {compared} "
        f"comparisons of {counts[0]} outputs (expected: equal shapes).",
        {"compared": compared, "outputs": counts[0], "targets": counts[1]},
        level="warning" if compared > max(counts) else "caution",
    )


def _values(course: Course, name: str) -> Reading | None:
    """What is wrong with type and range, if anything."""
    whole = is_integer(course.fact("targets.dtype"))
    low, high = course.fact("targets.min"), course.fact("targets.max")
    if name in ELEMENTWISE and whole:
        return _whole_numbers(course, name)
    asks_for_shares = name in (*BINARY_LOGITS, *BINARY_SHARES) or (name in CLASSES and not whole)
    if not asks_for_shares or low is None or high is None:
        return None
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return None
    return Reading(
        2.0,
        f"The targets of {name} go from {low:.4g} to {high:.4g} (expected: within 0 and 1).",
        {"min": low, "max": high},
    )


def _whole_numbers(course: Course, name: str) -> Reading:
    """Of targets that are integers; from a few of them nobody can tell how far they go."""
    steps = [*course.first, *course.steps]
    lows, highs = ([s.facts.get(f"targets.{end}") for s in steps] for end in ("min", "max"))
    low = min((number for number in lows if number is not None), default=None)
    high = max((number for number in highs if number is not None), default=None)
    is_count = low is not None and high is not None and (high - low >= WIDE or low > 0)
    seen = course.count * math.prod(course.fact("targets.shape"))
    return Reading(
        2.0 if is_count or course.count >= LATEST or seen >= ENOUGH else STAYS,
        f"The targets of {name} are whole numbers ({course.fact('targets.dtype')}, from {low} "
        f"to {high}; expected: floats, or a range of {WIDE} or more).",
        {"min": _number(low), "max": _number(high)},
        level="advisory" if is_count else "caution",
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
