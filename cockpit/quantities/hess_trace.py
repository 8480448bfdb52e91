"""The trace of the Hessian."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from cockpit.backward.statistics import Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Tier, per_layer
from cockpit.quantities.curvature import CurvatureQuantity
from cockpit.step import StepInfo

__all__ = ["HessTrace"]


class HessTrace(CurvatureQuantity):
    """Trace of the Hessian H_B, or of the Gauss-Newton matrix in its place: average curvature.

    Reference: Yao et al. (2020); thesis C.3.7.
    """

    tier: ClassVar[Tier | None] = "business"
    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    def requires(self) -> frozenset[Statistic]:
        """The diagonal."""
        return frozenset({self.diagonal})

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """Sums of the diagonal over the network and over each parameter."""
        diagonal = stats.complete(self.diagonal)
        layers = torch.stack([h.sum(dtype=torch.float64) for h in diagonal.values()])
        return per_layer(info, layers.sum(), diagonal, layers, **self.notes())
