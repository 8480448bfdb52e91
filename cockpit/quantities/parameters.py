"""The parameters themselves."""

from __future__ import annotations

from typing import ClassVar, Literal

from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Arrays
from cockpit.quantities.base import Quantity
from cockpit.step import StepInfo

__all__ = ["Parameters"]


class Parameters(Quantity):
    """All parameter values θ(t), flattened, one array for each named parameter.

    Large: D numbers for each record. Meant for toy problems. Reference: thesis table C.1.
    """

    kind: ClassVar[Literal["arrays"]] = "arrays"

    def compute(self, info: StepInfo, stats: BackwardStats) -> Arrays:
        """The parameters at this step, before the update."""
        return Arrays(
            tuple(
                info.parameters[name].flatten().cpu().numpy() if name in info.parameters else None
                for name in info.layers
            )
        )
