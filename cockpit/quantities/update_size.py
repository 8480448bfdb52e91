"""The length of the step that the optimizer really made."""

from __future__ import annotations

from typing import ClassVar, Literal

from cockpit.backward.statistics import Statistic, Update
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Absent, Quantity, Tier, per_layer
from cockpit.step import StepInfo

__all__ = ["UpdateSize"]


class UpdateSize(Quantity):
    """Update size ‖s‖₂ = ‖θ(t+1) − θ(t)‖₂, in the unit of the parameters.

    The real update, whatever the optimizer does. Where it made none (a skipped step of mixed
    precision training) the record says ``moved: false``.
    Reference: Frankle et al. (2020); thesis table C.1.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    def requires(self) -> frozenset[Statistic]:
        """The update."""
        return frozenset({Update()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """The size of the update that followed this backward pass."""
        if info.update is None:
            raise Absent("no update of the parameters was seen after this backward pass")
        squares = info.sq_update_norms
        moved = None if squares.any() else False
        return per_layer(info, squares.sum().sqrt(), info.update, squares.sqrt(), moved=moved)
