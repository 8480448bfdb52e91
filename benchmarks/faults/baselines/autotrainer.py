"""AUTOTRAINER's five symptoms, with the thresholds of its published defaults.

Adapted: it judges at the ends of epochs, every third of them; here, of the ten stretches between
evaluations. The accuracy of an epoch is the mean over its mini-batches. Its gradients are those of
the last tracked step, not of the training set's first batch. It knows classifiers only, so a
regression has none of the symptoms that are made of accuracies.

Reference: Zhang, Zhai, Ma, Shen (2021), "AUTOTRAINER: an automatic DNN training problem detection
and repair system", ICSE; the numbers are the defaults of the authors' program.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from benchmarks.faults.baselines.rule import Alarm, Evidence

EVERY = 3  # epochs
RATIO, SMALL = 1e-3, 1e-4  # vanishing: of first to last layer's gradient norm; of the first's
EXPLODED = 70.0  # of the same ratio
ZEROS = 0.7  # dying ReLU: share of the gradient's elements
SWING, SHARE = 0.03, 0.2  # oscillating: of the accuracy, in so many of the epochs
GAIN = 0.01  # slow: of the accuracy from one epoch to the next
ENOUGH = 0.7  # accuracy of a run that has converged
JUDGED_AFTER = 0.3  # of the epochs
HUGE = 1e5  # of the validation loss

MEANS = {
    "vanishing gradient": frozenset({"vanishing_gradients"}),
    "exploding gradient": frozenset(
        {
            "exploding_gradients",
            "diverged",
            "nonfinite_input",
            "nonfinite_loss",
            "nonfinite_gradient",
        }
    ),
    "dying ReLU": frozenset({"dead_units"}),
    "oscillating loss": frozenset({"oscillation", "learning_rate_too_large"}),
    "slow convergence": frozenset({"learning_rate_too_small", "decayed_too_early", "converged"}),
}
"""Which lamps say the same."""


def alarms(evidence: Evidence) -> list[Alarm]:
    """The first check that finds something ends the run, as it does there."""
    ends = [step for step, _, _ in evidence.history]
    firsts = [-1, *ends[:-1]]
    train = [
        evidence.between(evidence.accuracies, first, last)
        for first, last in zip(firsts, ends, strict=True)
    ]
    losses = [
        evidence.between(evidence.losses, first, last)
        for first, last in zip(firsts, ends, strict=True)
    ]
    valid = [accuracy for _, _, accuracy in evidence.history]
    for epoch in range(0, len(ends), EVERY):
        past = slice(0, epoch + 1)
        gradients = [s for s in evidence.steps if s["step"] <= ends[epoch]]
        found = _nonfinite(losses[past], evidence.history[past], gradients) or _symptom(
            train[past], valid[past], gradients, len(ends)
        )
        if found:
            return [Alarm(ends[epoch], found)]
    return []


def _nonfinite(
    losses: list[float], history: list[tuple[int, float, float | None]], steps: list[dict[str, Any]]
) -> str:
    bad = any(not math.isfinite(loss) for loss in losses)
    bad = bad or any(not loss < HUGE for _, loss, _ in history)
    bad = bad or any(
        not layer["finite"] or not math.isfinite(layer.get("gradient", 0.0))
        for step in steps
        for layer in step["layers"]
    )
    return "exploding gradient" if bad else ""


def _symptom(
    train: list[float], valid: list[float | None], steps: list[dict[str, Any]], epochs: int
) -> str:
    known = [accuracy for accuracy in valid if accuracy is not None]
    if not known or len(train) < JUDGED_AFTER * epochs or not steps:
        return ""
    slow = max(_largest_gain(known), _largest_gain(train)) < GAIN
    if max(known) >= ENOUGH and max(train) >= ENOUGH and not slow:
        return "oscillating loss" if _oscillates(train) else ""
    found = _of_gradient(steps[-1])
    return found or ("slow convergence" if slow else "")


def _of_gradient(step: dict[str, Any]) -> str:
    """Dying, exploding, vanishing: in this order."""
    layers = [layer for layer in step["layers"] if "gradient" in layer]
    weights = [layer["gradient"] for layer in layers if layer["weight"]]
    if not weights:
        return ""
    size = sum(layer["size"] for layer in layers)
    if sum(layer["gradient_zeros"] * layer["size"] for layer in layers) / size >= ZEROS:
        return "dying ReLU"
    ratio = weights[0] / weights[-1] if weights[-1] else math.inf
    if ratio > EXPLODED:
        return "exploding gradient"
    return "vanishing gradient" if ratio < RATIO and weights[0] < SMALL else ""


def _largest_gain(accuracies: list[float]) -> float:
    return max([0.0, *(after - before for before, after in pairwise(accuracies))])


def _oscillates(accuracies: list[float]) -> bool:
    """Whether enough local maxima are well above the minima beside them."""
    inner = list(zip(accuracies, accuracies[1:], accuracies[2:], strict=False))
    highs = [b for a, b, c in inner if b >= a and b >= c]
    lows = [b for a, b, c in inner if b <= a and b <= c]
    swings = sum(high - low >= SWING for high, low in zip(highs, lows, strict=False))
    return swings >= SHARE * len(accuracies)
