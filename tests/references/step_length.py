"""Reference of Alpha: the noise-weighted quadratic through two points and two slopes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from .individual import individual_gradients, individual_losses


@dataclass(frozen=True)
class Observation:
    """The individual losses and directional slopes of one mini-batch at one end of the step."""

    losses: np.ndarray
    slopes: np.ndarray


def observe(
    model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor, step: Mapping[str, Tensor]
) -> Observation:
    """ℓ_n and s·g_n / ‖s‖ of every sample at the model's current parameters.

    Args:
        model: At θ(t) or θ(t+1), in float64.
        loss_fn: The loss.
        x: Inputs of this end's mini-batch.
        y: Targets of this end's mini-batch.
        step: s = θ(t+1) − θ(t) by parameter name.
    """
    gradients = individual_gradients(model, loss_fn, x, y)
    length = math.sqrt(sum(float(s.square().sum()) for s in step.values()))
    slopes = [
        sum(float((step[name] * gradients[name][n]).sum()) for name in gradients) / length
        for n in range(x.shape[0])
    ]
    losses = individual_losses(model, loss_fn, x, y).detach().numpy()
    return Observation(losses, np.array(slopes))


def _mean_variance(values: np.ndarray) -> float:
    """Variance of the batch mean: sample variance / N; NaN for a single sample."""
    if values.size < 2:
        return math.nan
    return float(values.var(ddof=1)) / values.size


def alpha(
    start: Observation, end: Observation, length: float, *, equal_weights: bool = False
) -> tuple[float, bool]:
    """α = τ₂/τ* − 1 (C.4), and whether the fit is concave (then α is −1).

    Equal weights are used if asked for, or if any variance is zero or not finite.
    """
    groups = (start.losses, end.losses, start.slopes, end.slopes)
    observed = np.array([group.mean() for group in groups])
    variances = np.array([_mean_variance(group) for group in groups])
    if equal_weights or not np.all(np.isfinite(variances) & (variances > 0)):
        variances = np.ones(4)
    design = np.array(
        [[1.0, 0.0, 0.0], [1.0, length, length**2], [0.0, 1.0, 0.0], [0.0, 1.0, 2.0 * length]]
    )
    sigma = np.sqrt(variances)
    w, *_ = np.linalg.lstsq(design / sigma[:, None], observed / sigma, rcond=None)
    if w[2] <= 0:
        return -1.0, True
    if w[1] == 0:
        return math.inf, False  # the step began in the minimum
    return float(length / (-w[1] / (2.0 * w[2])) - 1.0), False
