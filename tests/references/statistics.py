"""References of the first-order quantities, from individual gradients {name: [N, *shape]}."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .values import PerParameter

Gradients = Mapping[str, Tensor]
Parameters = Mapping[str, Tensor]


def flatten(gradients: Gradients) -> Tensor:
    """All parameters side by side, shape [N, D]."""
    return torch.cat([g.flatten(1) for g in gradients.values()], dim=1)


def _network_and_layers(function: Callable[[Tensor], float], gradients: Gradients) -> PerParameter:
    """A function of [N, D'] gradients, for the network and for each parameter by itself."""
    layers = {name: function(g.flatten(1)) for name, g in gradients.items()}
    return PerParameter(function(flatten(gradients)), layers)


def _difference_norm(left: Parameters, right: Parameters) -> PerParameter:
    layers = {name: float((left[name] - right[name]).norm()) for name in left}
    return PerParameter(math.sqrt(sum(v * v for v in layers.values())), layers)


def distance(theta: Parameters, initial: Parameters) -> PerParameter:
    """‖θ(t) − θ(0)‖."""
    return _difference_norm(theta, initial)


def update_size(before: Parameters, after: Parameters) -> PerParameter:
    """‖θ(t+1) − θ(t)‖."""
    return _difference_norm(after, before)


def grad_norm(gradients: Gradients) -> PerParameter:
    """‖ḡ‖ with ḡ = (1/N) Σ g_n."""
    return _network_and_layers(lambda g: float(g.mean(0).norm()), gradients)


def norm_test(gradients: Gradients) -> PerParameter:
    """√ of C.18, the unexpanded form of C.20; infinite for noise without signal."""

    def test(g: Tensor) -> float:
        n, mean = g.shape[0], g.mean(0)
        if not mean.any():
            return math.inf if bool(g.any()) else math.nan
        residuals = sum(float((row - mean).square().sum()) for row in g)
        return math.sqrt(residuals / (n * (n - 1)) / float(mean.square().sum()))

    return _network_and_layers(test, gradients)


def inner_test(gradients: Gradients) -> PerParameter:
    """√ of C.24, the unexpanded form of C.26; NaN where ḡ = 0 has no direction."""

    def test(g: Tensor) -> float:
        n, mean = g.shape[0], g.mean(0)
        if not mean.any():
            return math.nan
        parallel = [float(row @ mean) / float(mean @ mean) for row in g]
        return math.sqrt(sum((p - 1.0) ** 2 for p in parallel) / (n * (n - 1)))

    return _network_and_layers(test, gradients)


def ortho_test(gradients: Gradients) -> PerParameter:
    """√ of C.32, the unexpanded form of C.33: what of g_n is orthogonal to ḡ; NaN where ḡ = 0."""

    def test(g: Tensor) -> float:
        n, mean = g.shape[0], g.mean(0)
        if not mean.any():
            return math.nan
        orthogonal = [row - (row @ mean) / (mean @ mean) * mean for row in g]
        total = sum(float(o @ o) for o in orthogonal)
        return math.sqrt(total / (n * (n - 1)) / float(mean @ mean))

    return _network_and_layers(test, gradients)


def cabs(
    gradients: Gradients,
    loss: float,
    learning_rates: Mapping[str, float],
    reduction: str = "mean",
) -> float:
    """C.6: η · (1/N) Σ_n ‖g_n − ḡ‖² / L, with each parameter's own η.

    A sum-reduced loss steps along N·ḡ, so its effective learning rate is η·N.
    """
    total = 0.0
    for name, gradient in gradients.items():
        n = gradient.shape[0]
        rate = learning_rates[name] * (n if reduction == "sum" else 1)
        total += rate * float((gradient - gradient.mean(0)).square().sum()) / n
    return total / loss


def _ratios(g: Tensor, divisor: int, floor: float) -> tuple[list[float], int]:
    """ḡ_j² / (Σ_n (g_nj − ḡ_j)² / divisor) of the elements with noise, and how many have none.

    Rounding leaves some noise even where all samples agree, and some gradient even where there is
    none: what is as small as that counts as none.
    """
    mean = g.mean(0)
    ratios, without = [], 0
    for column, average in zip(g.T, mean, strict=True):
        variance = float((column - average).square().sum()) / divisor
        nothing = float(column.square().mean()) <= floor
        if nothing or variance <= 1e-28 * float(average) ** 2:
            without += 1
        else:
            ratios.append(float(average) ** 2 / variance)
    return ratios, without


def _rounding(g: Tensor) -> float:
    """The mean square that the rounding of the largest elements leaves in one that is zero."""
    return (4 * torch.finfo(g.dtype).eps) ** 2 * float(g.square().mean(0).max())


def _average(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def mean_gsnr(gradients: Gradients) -> PerParameter:
    """C.41: the mean of ḡ_j² / ((1/N) Σ_n (g_nj − ḡ_j)²) over the elements with noise."""
    n = next(iter(gradients.values())).shape[0]
    floor = _rounding(flatten(gradients))
    parts = {name: _ratios(g.flatten(1), n, floor) for name, g in gradients.items()}
    everything = [ratio for ratios, _ in parts.values() for ratio in ratios]
    return PerParameter(
        _average(everything),
        {name: _average(ratios) for name, (ratios, _) in parts.items()},
        excluded=sum(without for _, without in parts.values()),
    )


def early_stopping(gradients: Gradients) -> tuple[float, int]:
    """C.10: 1 − (N/D) Σ_j ḡ_j² / ((1/(N−1)) Σ_n (g_nj − ḡ_j)²), and the elements left out."""
    g = flatten(gradients)
    ratios, without = _ratios(g, g.shape[0] - 1, _rounding(g))
    return 1.0 - g.shape[0] * _average(ratios), without
