"""Scale-free statistics that several lamps are made of; pure functions of a run's course."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cockpit.lamps.course import Course, StepView

__all__ = [
    "WINDOW",
    "Progress",
    "chance",
    "critical_batch_size",
    "decreases",
    "fact_series",
    "first_loss",
    "left",
    "median",
    "median_loss",
    "progress",
    "rate",
    "removable",
    "signal",
    "signals",
    "useful",
    "weight_layers",
]

WINDOW = 8
"""Tracked steps of which a median is, unless a lamp says otherwise."""

CROSS_ENTROPY = ("CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll_loss")
SQUARES = ("MSELoss", "mse_loss")
BINARY = (
    "BCELoss",
    "BCEWithLogitsLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)


def median(values: Sequence[float] | np.ndarray, at_least: int = 1) -> float:
    """Median of what is not NaN; NaN if that is fewer than ``at_least`` values."""
    found = np.asarray(values, dtype=float)
    found = found[~np.isnan(found)]
    if len(found) < max(at_least, 1):
        return math.nan
    low, high = np.sort(found)[[(len(found) - 1) // 2, len(found) // 2]]
    return float(low if low == high else (low + high) / 2)  # two infinities have no difference


def signals(course: Course, count: int) -> np.ndarray:
    """Signal's share of the batch gradient, s = 1 − NormTest² (0: nothing but noise), last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    found: np.ndarray = 1 - course.last("NormTest", count) ** 2
    return found.clip(0, 1)


def signal(course: Course, count: int = WINDOW) -> float:
    """Median of :func:`signals`; NaN if there are fewer than half as many as asked for."""
    return median(signals(course, count), count // 2)


def decreases(course: Course, count: int) -> np.ndarray:
    """Share of the loss that each step removes to first order, q = −ḡᵀΔθ / |L|, last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    found = [_decrease(step) for step in course.steps]
    return np.array([q for q in found if q is not None][-count:], dtype=float)


def useful(steps: Sequence[StepView]) -> list[float]:
    """What of q the samples agree on, q·s, at each of the steps that have both.

    Args:
        steps: Tracked steps.
    """
    found = []
    for step in steps:
        decrease, noise = _decrease(step), step.values.get("NormTest")
        if decrease is not None and noise is not None:
            found.append(decrease * min(max(1 - noise**2, 0.0), 1.0))
    return found


def _decrease(step: StepView) -> float | None:
    if "update.decrease" not in step.facts or not step.values.get("Loss"):
        return None
    return float(step.facts["update.decrease"]) / abs(step.values["Loss"])


def removable(course: Course, count: int) -> float | None:
    """Share of the loss that the planned steps could remove, R = T · median(q).

    ``None`` where no number of steps was planned, or none is tracked yet.

    Args:
        course: The run so far.
        count: Of how many tracked steps the median is, at most.
    """
    found = decreases(course, count)
    if course.planned_steps is None or not found.size:
        return None
    return float(course.planned_steps * np.median(found))


def first_loss(course: Course) -> float | None:
    """The loss where the run began; ``None`` if it was not tracked."""
    found = (step.values["Loss"] for step in course.first if "Loss" in step.values)
    return next(found, None)


def median_loss(course: Course, count: int = WINDOW) -> float | None:
    """Median of the last losses; one that is NaN counts as infinite.

    Args:
        course: The run so far.
        count: Of how many tracked steps; ``None`` if there are fewer than half as many.
    """
    found = course.last("Loss", count)
    if len(found) < max(1, count // 2):
        return None
    return median(np.where(np.isnan(found), math.inf, found))


def left(course: Course, count: int = WINDOW) -> float | None:
    """What is left of the first loss: the median of the last losses, relative to it.

    ``None`` if the first loss is not known, or not above 0: shares of it mean nothing then.

    Args:
        course: The run so far.
        count: Of how many tracked steps the median is.
    """
    first, recent = first_loss(course), median_loss(course, count)
    if first is None or recent is None or not (0 < first < math.inf):
        return None
    return recent / first


class Progress(NamedTuple):
    """How far the loss fell between the last window of tracked steps and the one before.

    Attributes:
        fall: Logarithm of the ratio of their medians: 0.1 is about 10 %; below 0, it rose.
        steps: Steps of training between the windows' middles.
    """

    fall: float
    steps: float


def progress(course: Course, count: int = WINDOW) -> Progress | None:
    """Whether the loss is falling; ``None`` before two windows are full, or where it is not > 0.

    Args:
        course: The run so far.
        count: Tracked steps in each of both windows.
    """
    found = [(s.step, s.values["Loss"]) for s in course.steps if "Loss" in s.values][-2 * count :]
    if len(found) < 2 * count:
        return None
    steps, losses = np.array(found, dtype=float).T
    earlier, recent = median(losses[:count], count), median(losses[count:], count)
    if not (0 < earlier < math.inf and 0 < recent < math.inf):
        return None
    apart = float(np.mean(steps[count:]) - np.mean(steps[:count]))
    return Progress(math.log(earlier / recent), apart)


def rate(step: StepView) -> float | None:
    """The largest learning rate of a step's parameter groups; ``None`` if unknown."""
    return max(step.lr, default=None)


def fact_series(course: Course, name: str, count: int) -> list[float]:
    """The last values of a fact that is a number, oldest first.

    Args:
        course: The run so far.
        name: Its dotted name.
        count: Of how many tracked steps at most.
    """
    return [float(step.facts[name]) for step in course.steps if name in step.facts][-count:]


def critical_batch_size(course: Course, count: int = WINDOW) -> float:
    """Samples for which signal and noise of the batch gradient are alike, B = N (1 − s) / s.

    ∞ where there is nothing but noise; NaN where it is not known.

    Args:
        course: The run so far.
        count: Of how many tracked steps the median of s is.

    Reference: McCandlish et al. (2018), the simple noise scale.
    """
    share, size = signal(course, count), course.now.batch_size
    if size is None or math.isnan(share):
        return math.nan
    return math.inf if share == 0 else size * (1 - share) / share


def chance(course: Course) -> float | None:
    """Loss of the best output that does not look at the input, from the targets seen so far.

    Cross entropy: the entropy of the classes; squared error: the variance of the targets; binary
    cross entropy: the entropy that belongs to that variance. ``None`` for other losses.

    Args:
        course: The run so far.
    """
    function = course.fact("loss.function")
    if function in CROSS_ENTROPY:
        return _entropy(course)
    variances = fact_series(course, "targets.variance", len(course.steps))
    if not variances or function not in (*SQUARES, *BINARY):
        return None
    variance = float(np.mean(variances))
    if function in SQUARES:
        return variance
    p = (1 - math.sqrt(max(0.0, 1 - 4 * variance))) / 2  # p (1 − p) is the variance
    return -sum(x * math.log(x) for x in (p, 1 - p) if x > 0)


def _entropy(course: Course) -> float | None:
    counts = [s.facts["targets.counts"] for s in course.steps if s.facts.get("targets.counts")]
    if not counts:
        return None
    total = np.zeros(max(map(len, counts)))
    for found in counts:
        total[: len(found)] += found
    shares = total[total > 0] / total.sum()
    return float(-(shares * np.log(shares)).sum())


def weight_layers(course: Course) -> list[int]:
    """Positions of the weight matrices and filters among the layers, inputs first.

    Left out: biases, the parameters of norms, and embeddings, whose weights are of another scale
    and of which a batch uses a few rows only.
    """
    return [
        position
        for position, layer in enumerate(course.header.get("layers", ()))
        if len(layer["shape"]) >= 2
        and layer.get("trainable", True)
        and "weight" in layer["name"]
        and not any(word in layer["module_type"] for word in ("Embed", "Norm"))
    ]
