"""Scale-free statistics that several lamps are made of; pure functions of a run's course."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Reversible
from typing import NamedTuple, TypeVar

import numpy as np

from cockpit.lamps.course import MEMORY, Course, StepView, once_a_step
from cockpit.lamps.network import weight_layers

__all__ = [
    "WINDOW",
    "Progress",
    "critical_batch_size",
    "decreases",
    "fact_series",
    "first_loss",
    "has_grown",
    "jump",
    "left",
    "median",
    "median_loss",
    "pooled_signal",
    "progress",
    "rate",
    "rates",
    "signal",
    "signals",
    "useful",
    "useful_at",
]

WINDOW = 8
"""Tracked steps of which a median is, unless a lamp says otherwise."""

RECENT = 4  # tracked losses
GROWN = 3.0  # times the first loss: what is wrong beyond that is a consequence

T = TypeVar("T")


def median(values: Iterable[float], at_least: int = 1) -> float:
    """Median of what is not NaN; NaN if that is fewer than ``at_least`` values."""
    found = sorted([float(x) for x in values if x == x])  # for so few, faster than numpy
    if len(found) < max(at_least, 1):
        return math.nan
    return (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2


@once_a_step
def signals(course: Course, count: int) -> list[float]:
    """Signal's share of the batch gradient, s = 1 − NormTest² (0: nothing but noise), last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    noise_of = _noise_of(course)
    return [_share(noise) for noise, _ in _newest(course.steps, noise_of, count)]


@once_a_step
def pooled_signal(course: Course, count: int) -> float:
    """Signal's share of the batch gradients of several steps together, Σ ‖ḡ‖² s / Σ ‖ḡ‖².

    Single values of s are clipped at 0, and noisy. This is not, and has no bias: without any
    signal it scatters around 0 and may be below it.

    Args:
        course: The run so far.
        count: Of how many tracked steps; NaN if there are fewer than half as many.
    """
    found = _newest(course.steps, _noise_of(course), count)
    squares = [norm**2 for _, norm in found]
    total = sum(squares)
    if len(found) < count // 2 or not 0 < total < math.inf:
        return math.nan
    return sum(s * (1 - noise**2) for s, (noise, _) in zip(squares, found, strict=True)) / total


def _share(noise: float) -> float:
    return min(max(1 - noise**2, 0.0), 1.0)


@once_a_step
def _noise_of(course: Course) -> Callable[[StepView], tuple[float, float] | None]:
    """What tells NormTest and ‖ḡ‖ of a step (1 in its place where it is not tracked).

    Batch normalization couples the samples: then parts of the batch gradient are tracked, which
    scatter more than individual gradients would. Only those of weights behind the last such layer
    are what they seem; so both are those of the last weight.
    """

    @functools.cache
    def uncoupled() -> int | None:
        kinds = [layer.get("module_type", "") for layer in course.header.get("layers") or ()]
        coupling = max((i for i, kind in enumerate(kinds) if "BatchNorm" in kind), default=-1)
        last = max(weight_layers(course), default=-1)
        return last if last > coupling else None

    def measure(step: StepView) -> tuple[float, float] | None:
        if "NormTest" not in step.values:
            return None
        if step.notes.get("NormTest", {}).get("individual") != "contribution":
            return step.values["NormTest"], step.values.get("GradNorm", 1.0)
        noises, norms, last = (
            step.layers.get("NormTest", ()),
            step.layers.get("GradNorm"),
            uncoupled(),
        )
        if last is None or last >= len(noises):
            return None
        return float(noises[last]), 1.0 if norms is None else float(norms[last])

    return measure


@once_a_step
def signal(course: Course, count: int = WINDOW) -> float:
    """Median of :func:`signals`; NaN if there are fewer than half as many as asked for."""
    return median(signals(course, count), count // 2)


@once_a_step
def decreases(course: Course, count: int) -> np.ndarray:
    """Share of the loss that each step removes to first order, q = −ḡᵀΔθ / |L|, last values.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    return np.array(_newest(course.steps, _decrease, count), dtype=float)


@once_a_step
def useful(course: Course, count: int = WINDOW) -> list[float]:
    """What of q the samples agree on, q·s, at the last steps that have both, oldest first.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    return useful_at(course, course.steps, count)


def useful_at(course: Course, steps: Reversible[StepView], count: int = WINDOW) -> list[float]:
    """As :func:`useful`, of some steps of the run."""
    noise_of = _noise_of(course)

    def measure(step: StepView) -> float | None:
        decrease, found = _decrease(step), noise_of(step)
        return None if decrease is None or found is None else decrease * _share(found[0])

    return _newest(steps, measure, count)


def _newest(
    steps: Reversible[StepView], measure: Callable[[StepView], T | None], count: int
) -> list[T]:
    """The last measurements that there are, oldest first; looks no further back than it must."""
    found = (value for step in reversed(steps) if (value := measure(step)) is not None)
    return list(itertools.islice(found, count))[::-1]


def _decrease(step: StepView) -> float | None:
    if "update.decrease" not in step.facts or not step.values.get("Loss"):
        return None
    return float(step.facts["update.decrease"]) / abs(step.values["Loss"])


@once_a_step
def first_loss(course: Course) -> float | None:
    """The loss where the run began; ``None`` if it was not tracked."""
    found = (step.values["Loss"] for step in course.first if "Loss" in step.values)
    return next(found, None)


def has_grown(course: Course) -> bool:
    """Whether one of the last finite losses is far above the first: the run diverges, or has."""
    first = first_loss(course)
    losses = course.last("Loss", MEMORY)
    return bool(
        first and first > 0 and (losses[np.isfinite(losses)][-RECENT:] > GROWN * first).any()
    )


@once_a_step
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


@once_a_step
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


@once_a_step
def progress(course: Course, count: int = WINDOW) -> Progress | None:
    """Whether the loss is falling; ``None`` before two windows are full, or where it is not > 0.

    Args:
        course: The run so far.
        count: Tracked steps in each of both windows.
    """
    found = _newest(
        course.steps,
        lambda s: (s.step, s.values["Loss"]) if "Loss" in s.values else None,
        2 * count,
    )
    if len(found) < 2 * count:
        return None
    steps, losses = np.array(found, dtype=float).T
    earlier, recent = median(losses[:count], count), median(losses[count:], count)
    if not (0 < earlier < math.inf and 0 < recent < math.inf):
        return None
    apart = float(np.mean(steps[count:]) - np.mean(steps[:count]))
    return Progress(math.log(earlier / recent), apart)


@once_a_step
def jump(course: Course, count: int) -> float:
    """Typical change of the loss from one tracked step to the next, median |Δ log L|.

    0 where it is not known.

    Args:
        course: The run so far.
        count: Of how many changes at most.
    """
    losses = course.last("Loss", count + 1)
    losses = losses[np.isfinite(losses) & (losses > 0)]
    return median(np.abs(np.diff(np.log(losses)))) if len(losses) > 1 else 0.0


@once_a_step
def rates(course: Course) -> list[float]:
    """The learning rates of all steps that are kept, oldest first, each the largest of its groups.

    Args:
        course: The run so far.
    """
    fallen_out = course.first[: max(course.count - len(course.steps), 0)]
    return [max(step.lr) for step in (*fallen_out, *course.steps) if step.lr]


def rate(step: StepView) -> float | None:
    """The largest learning rate of a step's parameter groups; ``None`` if unknown."""
    return max(step.lr, default=None)


@once_a_step
def fact_series(course: Course, name: str, count: int) -> list[float]:
    """The last values of a fact that is a number, oldest first.

    Args:
        course: The run so far.
        name: Its dotted name.
        count: Of how many tracked steps at most.
    """
    return [float(x) for x in _newest(course.steps, lambda step: step.facts.get(name), count)]


@once_a_step
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
