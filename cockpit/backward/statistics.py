"""What can be requested of a tracked backward pass.

A request is a value: two equal requests are served once, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cockpit.log.record import Bins

__all__ = [
    "Curvature",
    "DiagCurvature",
    "DotGrad",
    "DotPreviousUpdate",
    "DotUpdate",
    "GradientHistogram",
    "IndividualLosses",
    "JointHistogram",
    "MaxEigenvalue",
    "SqNorms",
    "Statistic",
    "StepFacts",
    "SumSq",
    "Update",
]


class Statistic:
    """Base of all requests."""


@dataclass(frozen=True)
class IndividualLosses(Statistic):
    """ℓₙ, shape [N]."""


@dataclass(frozen=True)
class Update(Statistic):
    """s = θ(t+1) − θ(t), given to the quantity as ``StepInfo.update``."""


@dataclass(frozen=True)
class StepFacts(Statistic):
    """What is seen of the step itself (its batch, the model, the loss): facts by dotted name."""


@dataclass(frozen=True)
class SqNorms(Statistic):
    """‖gₙ‖², shape [N], for each parameter."""


@dataclass(frozen=True)
class DotGrad(Statistic):
    """gₙᵀḡ, shape [N], for each parameter."""


@dataclass(frozen=True)
class DotUpdate(Statistic):
    """gₙᵀs with the update s = θ(t+1) − θ(t) that follows this backward pass, shape [N]."""


@dataclass(frozen=True)
class DotPreviousUpdate(Statistic):
    """gₙᵀs with the update s = θ(t) − θ(t−1) that led here, shape [N]."""


@dataclass(frozen=True)
class SumSq(Statistic):
    """Σₙ gₙ² element by element, in the shape of each parameter."""


@dataclass(frozen=True)
class GradientHistogram(Statistic):
    """Histogram of all elements of all gₙ, for each parameter."""

    bins: Bins


@dataclass(frozen=True)
class JointHistogram(Statistic):
    """Histogram of all pairs (θⱼ, gₙⱼ), for each parameter."""

    x: Bins
    y: Bins


Curvature = Literal["ggn_mc", "ggn", "hessian", "hutchinson"]


@dataclass(frozen=True)
class DiagCurvature(Statistic):
    """Diagonal of a curvature matrix of L_B, in the shape of each parameter.

    Attributes:
        curvature: ``ggn`` (exact generalized Gauss-Newton), ``ggn_mc`` (its Monte-Carlo estimate),
            ``hessian`` (exact), ``hutchinson`` (Hessian, estimated from v ⊙ Hv).
        samples: Draws of the two estimates.
    """

    curvature: Curvature
    samples: int = 1


@dataclass(frozen=True)
class MaxEigenvalue(Statistic):
    """The largest algebraic eigenvalue of the Hessian of L_B, from Hessian-vector products."""

    method: Literal["lanczos", "power"]
    max_iterations: int
    rtol: float
    atol: float
