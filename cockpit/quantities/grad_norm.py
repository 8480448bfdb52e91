"""The length of the mini-batch gradient."""

from __future__ import annotations

from typing import ClassVar, Literal

from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Absent, Quantity, Tier, per_layer
from cockpit.step import StepInfo

__all__ = ["GradNorm"]


class GradNorm(Quantity):
    """Norm of the mini-batch gradient, ‖ḡ‖₂, in loss units per parameter unit.

    The gradient of this backward pass, before clipping. Reference: thesis table C.1.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """The norm at θ(t)."""
        if not stats.grad:
            raise Absent("the backward pass gave no parameter a gradient")
        squares = stats.sq_grad_norms
        return per_layer(info, squares.sum().sqrt(), stats.grad, squares.sqrt())
