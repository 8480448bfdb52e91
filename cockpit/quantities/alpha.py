"""The normalized step length α."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.statistics import (
    DotPreviousUpdate,
    DotUpdate,
    IndividualLosses,
    Statistic,
    Update,
)
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Absent, Quantity, Tier, scalar
from cockpit.schedules import Schedule
from cockpit.step import StepInfo

__all__ = ["Alpha", "Observation", "QuadraticFit", "alpha", "fit_quadratic"]


@dataclass(frozen=True)
class Observation:
    """Loss and slope along the step at one of its ends, with the variances of these batch means."""

    loss: float
    loss_variance: float
    slope: float
    slope_variance: float


@dataclass(frozen=True)
class QuadraticFit:
    """f(τ) = w₁ + w₂τ + w₃τ² over the arc length τ from the start of the step."""

    w: tuple[float, float, float]
    weighted: bool


def fit_quadratic(start: Observation, end: Observation, length: float) -> QuadraticFit:
    """Maximum-likelihood parabola through noisy losses and slopes at τ = 0 and τ = ``length``.

    Weights are the inverse variances of the observations; all are equal where one of the variances
    is zero or unknown.

    Args:
        start: At θ(t).
        end: At θ(t+1).
        length: ‖s‖ > 0.

    Reference: thesis C.3, C.4.
    """
    values = np.array([start.loss, end.loss, start.slope, end.slope])
    variances = np.array(
        [start.loss_variance, end.loss_variance, start.slope_variance, end.slope_variance]
    )
    weighted = bool(np.all(np.isfinite(variances) & (variances > 0)))
    deviations = np.sqrt(variances) if weighted else np.ones(4)
    # In units of the step (τ = length · t) the columns are of one size however short the step is.
    design = np.array([[1, 0, 0], [1, 1, 1], [0, 1 / length, 0], [0, 1 / length, 2 / length]])
    relative = design / deviations[:, None]
    scale = np.abs(relative).max()
    w, *_ = np.linalg.lstsq(relative / scale, values / deviations / scale, rcond=None)
    return QuadraticFit((w[0], w[1] / length, w[2] / (length * length)), weighted)


def alpha(fit: QuadraticFit, length: float) -> tuple[float, bool]:
    """α = length/τ* − 1, where τ* is the minimum of the fit, and whether the fit is concave.

    −1: the step stays at its start; 0: it ends in the minimum; 1: opposite to its start. Below −1
    the step went uphill. A concave fit has no minimum: α = −1.

    Reference: thesis C.3.1.
    """
    _, w2, w3 = fit.w
    if not w3 > 0:
        return -1.0, True
    if w2 == 0:
        return math.inf, False
    return length * (-2 * w3 / w2) - 1, False


class Alpha(Quantity):
    """Normalized step length: where on a noise-aware parabola along the step did we land?

    Known one step later, as it needs loss and slopes at both ends. Reference: thesis C.1–C.4.
    """

    tier: ClassVar[Tier | None] = "economy"
    follows_up: ClassVar[bool] = True

    def __init__(self, schedule: Schedule | Callable[[int], bool] | int | None = None) -> None:
        super().__init__(schedule)
        self._start: tuple[Observation, float] | None = None

    def requires(self) -> frozenset[Statistic]:
        """Individual losses, and slopes along the update that follows."""
        return frozenset({IndividualLosses(), Update(), DotUpdate()})

    def requires_next(self) -> frozenset[Statistic]:
        """Individual losses, and slopes along the update that came before."""
        return frozenset({IndividualLosses(), DotPreviousUpdate()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> None:
        """Observe the start of the step."""
        self._start = None
        if info.update is None:
            raise Absent("no update of the parameters was seen after this backward pass")
        length = float(info.sq_update_norms.sum().sqrt())
        if length == 0:
            raise Absent("the optimizer did not move the parameters")
        self._start = _observe(info, stats.total(DotUpdate()), length), length

    def complete(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """Observe the end of the step and fit."""
        if self._start is None:
            raise Absent("the start of the step was not observed")
        (start, length), self._start = self._start, None
        end = _observe(info, stats.total(DotPreviousUpdate()), length)
        observed = (start.loss, end.loss, start.slope, end.slope)
        if not all(math.isfinite(x) for x in observed):
            return scalar(math.nan, step_length=length)
        fit = fit_quadratic(start, end, length)
        value, concave = alpha(fit, length)
        return scalar(
            value,
            concave=concave or None,
            weights=None if fit.weighted else "equal",
            step_length=length,
        )


def _observe(info: StepInfo, dots: Tensor, length: float) -> Observation:
    losses = info.individual_losses
    if losses is None:
        raise Absent(
            f"Alpha needs individual losses of shape [{info.batch_size}]; got None. Pass a loss "
            "module with a reduction as loss_fn to Cockpit(...), or losses=… to cockpit(step)"
        )
    slopes = dots.double() / length
    return Observation(
        info.loss,
        _variance_of_mean(losses.double()),
        float(slopes.mean()),
        _variance_of_mean(slopes),
    )


def _variance_of_mean(x: Tensor) -> float:
    return float(torch.var(x) / len(x)) if len(x) > 1 else 0.0
