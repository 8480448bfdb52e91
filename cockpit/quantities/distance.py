"""How far training has come."""

from __future__ import annotations

from typing import ClassVar, Literal

from cockpit.backward.stats import BackwardStats
from cockpit.linalg import squared_norms, widened
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Quantity, Tier, per_layer
from cockpit.step import StepInfo

__all__ = ["Distance"]


class Distance(Quantity):
    """L² distance from the initialization, ‖θ(t) − θ(0)‖₂, in the unit of the parameters.

    θ(0) are the parameters when the cockpit was made; of one that came later, when it was first
    tracked. Reference: Nagarajan & Kolter (2019); thesis table C.1.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """The distance at this step, before the update."""
        squares = squared_norms(
            widened(p) - widened(info.initial[name]) for name, p in info.parameters.items()
        )
        return per_layer(info, squares.sum().sqrt(), info.parameters, squares.sqrt())
