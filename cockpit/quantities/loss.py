"""The mini-batch loss."""

from __future__ import annotations

from typing import ClassVar

from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Quantity, Tier, scalar
from cockpit.step import StepInfo

__all__ = ["Loss"]


class Loss(Quantity):
    """Mini-batch loss L_B = (1/N) Σ ℓₙ, in the unit of the loss function.

    A sum-reduced loss is divided by N. Reference: thesis table C.1.
    """

    tier: ClassVar[Tier | None] = "economy"

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The loss at θ(t)."""
        return scalar(info.loss)
