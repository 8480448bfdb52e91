"""The Takeuchi information criterion with traces."""

from __future__ import annotations

import torch

from cockpit.backward.statistics import SqNorms, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Absent, scalar
from cockpit.quantities.curvature import CurvatureQuantity
from cockpit.step import StepInfo

__all__ = ["TICTrace"]


class TICTrace(CurvatureQuantity):
    """(1/N) Σₙ‖gₙ‖² / Tr(H_B): relation of gradient noise to curvature, in loss units.

    Reference: Thomas et al. (2020); thesis C.37.
    """

    def requires(self) -> frozenset[Statistic]:
        """The diagonal and ‖gₙ‖²."""
        return frozenset({self.diagonal, SqNorms()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The ratio of the traces."""
        diagonal = stats.complete(self.diagonal)
        trace = torch.stack([h.sum(dtype=torch.float64) for h in diagonal.values()]).sum()
        if trace == 0:
            raise Absent("the curvature's trace is zero")
        return scalar(stats.total(SqNorms()).double().mean() / trace, **self.notes())
