"""Built-in rules of Amazon SageMaker Debugger, with the default thresholds of its documentation.

Adapted: tensors are those of the tracked steps. Losses are those of the mini-batch, at each step.
"Steps" of the rules that compare training with validation are evaluations, the training loss being
the mean since the one before. ClassImbalance is the imbalance alone: its other half, seven tenths
of a class mispredicted, holds at the start of any run. PoorWeightInitialization says that it looks
at variances, gradients and the loss; here it needs the loss and one of the others, as any of them
alone holds for healthy runs, too. Rules without a default threshold (TensorVariance), for other
programs (trees), or about the machine are left out.

Reference: Amazon SageMaker developer guide, "List of Debugger built-in rules"; Rauschmayr et al.
(2021), "Amazon SageMaker Debugger: a system for real-time insights into machine learning model
training", MLSys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from benchmarks.faults.baselines.rule import Alarm, Evidence

VANISHED = 1e-7  # mean |g|
LARGE, SMALL = 10.0, 1e-8  # of an update to the weights
INACTIVE = 0.5  # of a layer's units
EVERY, FALL, RISE = 10, 0.001, 0.05  # steps; share of the loss
OVERFIT = 0.1  # (validation − training loss) / training loss
NO_GAIN_TRAIN, NO_GAIN_VALID, GAIN = 5, 10, 0.01  # evaluations; loss
IMBALANCE, LABELS = 10.0, 500
VARIANCES, RANGE, PATIENCE, BEGINNING = 10.0, 0.001, 5, 10
CENTRE, IMAGES = 0.2, 500
UNCHANGED, RELATIVE, ABSOLUTE = 3, 1e-5, 1e-8

NONFINITE = frozenset({"nonfinite_input", "nonfinite_loss", "nonfinite_gradient", "diverged"})
MEANS = {
    "VanishingGradient": frozenset({"vanishing_gradients", "half_underflow"}),
    "WeightUpdateRatio": frozenset(
        {
            "update_ratio",
            "learning_rate_too_large",
            "learning_rate_too_small",
            "diverged",
            "optimizer_without_parameters",
            "foreign_parameters",
            "frozen_layers",
            "detached_parameters",
            "clipped_to_nothing",
        }
    ),
    "DeadRelu": frozenset({"dead_units"}),
    "SaturatedActivation": frozenset({"saturated_units"}),
    "LossNotDecreasing": frozenset(
        {"converged", "diverged", "oscillation", "learning_rate_too_small", "noise_floor"}
    ),
    "Overfit": frozenset({"overfitting"}),
    "Overtraining": frozenset({"overfitting", "converged"}),
    "ClassImbalance": frozenset({"class_imbalance", "sorted_data"}),
    "PoorWeightInitialization": frozenset(
        {
            "first_loss_too_high",
            "large_initialization",
            "zero_initialization",
            "symmetric_initialization",
        }
    ),
    "ExplodingTensor": NONFINITE | {"exploding_gradients"},
    "AllZero": frozenset({"dead_units", "zero_initialization", "detached_parameters"}),
    "UnchangedTensor": frozenset({"converged", "learning_rate_too_small", "same_batch"}),
    "CheckInputImages": frozenset({"uncentred_input", "unscaled_input"}),
}
"""Which lamps say the same."""

LOUD = frozenset({"LossNotDecreasing", "Overfit"})
"""Rules that fire on most healthy runs of the split that sets thresholds: without them the others
can be seen."""
QUIETER = {rule: means for rule, means in MEANS.items() if rule not in LOUD}


def quieter(evidence: Evidence) -> list[Alarm]:
    """The alarms of the other rules."""
    return [alarm for alarm in alarms(evidence) if alarm.rule not in LOUD]


def alarms(evidence: Evidence) -> list[Alarm]:
    """The first alarm of each rule, and its first after the fault began, in the order of steps."""
    found = []
    for rule, of in RULES.items():
        steps = list(of(evidence))
        later = [step for step in steps if step >= evidence.begin]
        found += [Alarm(step, rule) for step in sorted({*steps[:1], *later[:1]})]
    return sorted(found, key=lambda alarm: alarm.step)


def _vanishing(evidence: Evidence) -> Iterator[int]:
    for step in evidence.steps:
        if any(layer.get("gradient_mean", 1.0) < VANISHED for layer in step["layers"]):
            yield step["step"]


def _update_ratio(evidence: Evidence) -> Iterator[int]:
    for step in evidence.steps:
        ratios = [layer["update"] for layer in step["layers"] if layer["weight"]]
        if any(ratio > LARGE or ratio < SMALL for ratio in ratios):
            yield step["step"]


def _inactive(*kinds: str) -> Callable[[Evidence], Iterator[int]]:
    def rule(evidence: Evidence) -> Iterator[int]:
        for step in evidence.steps:
            layers = step["activations"].values()
            if any(one["kind"] in kinds and one["inactive"] > INACTIVE for one in layers):
                yield step["step"]

    return rule


def _loss_not_decreasing(evidence: Evidence) -> Iterator[int]:
    for step in range(EVERY, len(evidence.losses), EVERY):
        before, now = evidence.losses[step - EVERY], evidence.losses[step]
        fall = (before - now) / abs(before) if before else 0.0
        if fall < -RISE or 0 <= fall < FALL:
            yield step


def _train_and_valid(evidence: Evidence) -> Iterator[tuple[int, float, float]]:
    first = -1
    for step, valid, _ in evidence.history:
        yield step, evidence.between(evidence.losses, first, step), valid
        first = step


def _overfit(evidence: Evidence) -> Iterator[int]:
    for step, train, valid in _train_and_valid(evidence):
        if train > 0 and (valid - train) / train > OVERFIT:
            yield step


def _overtraining(evidence: Evidence) -> Iterator[int]:
    best, idle = [math.inf, math.inf], [0, 0]
    for step, *losses in _train_and_valid(evidence):
        for number, loss in enumerate(losses):
            better = loss < best[number] - GAIN
            best[number] = loss if better else best[number]
            idle[number] = 0 if better else idle[number] + 1
        if idle[0] >= NO_GAIN_TRAIN or idle[1] >= NO_GAIN_VALID:
            yield step


def _class_imbalance(evidence: Evidence) -> Iterator[int]:
    total: list[int] = []
    for step in evidence.steps:
        counts = step.get("labels")
        if not counts:
            return
        total = [a + b for a, b in zip(total or [0] * len(counts), counts, strict=True)]
        if sum(total) >= LABELS and max(total) > IMBALANCE * min(total):
            yield step["step"]


def _poor_initialization(evidence: Evidence) -> Iterator[int]:
    losses = evidence.losses[:BEGINNING]
    best = min(range(len(losses)), key=losses.__getitem__, default=0)
    if len(losses) - 1 - best < PATIENCE:
        return
    for step in (s for s in evidence.steps if s["step"] < BEGINNING):
        weights = [layer for layer in step["layers"] if layer["weight"]]
        variances = [layer["variance"] for layer in weights]
        ranges = [layer["gradient_range"] for layer in weights if "gradient_range" in layer]
        if max(variances) > VARIANCES * min(variances) or min(ranges, default=1.0) < RANGE:
            yield best + PATIENCE
            return


def _exploding(evidence: Evidence) -> Iterator[int]:
    for step in evidence.steps:
        numbers = [layer.get("gradient", 0.0) for layer in step["layers"]]
        numbers.append(evidence.losses[step["step"]])
        whole = all(layer["finite"] for layer in step["layers"])
        if not whole or not all(math.isfinite(number) for number in numbers):
            yield step["step"]


def _all_zero(evidence: Evidence) -> Iterator[int]:
    for step in evidence.steps:
        if any(layer.get("gradient_zeros") == 1.0 for layer in step["layers"]):
            yield step["step"]


def _unchanged(evidence: Evidence) -> Iterator[int]:
    losses = evidence.losses
    for step in range(UNCHANGED - 1, len(losses)):
        last = losses[step - UNCHANGED + 1 : step + 1]
        if all(abs(loss - last[-1]) <= ABSOLUTE + RELATIVE * abs(last[-1]) for loss in last):
            yield step


def _check_images(evidence: Evidence) -> Iterator[int]:
    if not evidence.images or not evidence.steps or "input_mean" not in evidence.steps[0]:
        return
    samples, total = 0, 0.0
    for step in evidence.steps:
        count = sum(step.get("labels") or [1])
        samples, total = samples + count, total + count * step["input_mean"]
        if samples >= IMAGES and abs(total / samples) > CENTRE:
            yield step["step"]


RULES: dict[str, Callable[[Evidence], Iterator[int]]] = {
    "VanishingGradient": _vanishing,
    "WeightUpdateRatio": _update_ratio,
    "DeadRelu": _inactive("ReLU"),
    "SaturatedActivation": _inactive("Tanh", "Sigmoid"),
    "LossNotDecreasing": _loss_not_decreasing,
    "Overfit": _overfit,
    "Overtraining": _overtraining,
    "ClassImbalance": _class_imbalance,
    "PoorWeightInitialization": _poor_initialization,
    "ExplodingTensor": _exploding,
    "AllZero": _all_zero,
    "UnchangedTensor": _unchanged,
    "CheckInputImages": _check_images,
}
