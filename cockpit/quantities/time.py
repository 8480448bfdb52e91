"""Wall-clock time."""

from __future__ import annotations

from typing import ClassVar

from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Quantity, Tier, scalar
from cockpit.step import StepInfo

__all__ = ["Time"]


class Time(Quantity):
    """Seconds since the run began, at the end of the backward pass. Reference: thesis table C.1."""

    tier: ClassVar[Tier | None] = "economy"

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The time of this step."""
        return scalar(info.time)
