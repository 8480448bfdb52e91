"""What the three gradient tests share: they look at how individual gradients scatter around ḡ."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from torch import Tensor

from cockpit.backward.statistics import DotGrad, SqNorms, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Absent, Quantity, Tier, per_layer
from cockpit.step import StepInfo

__all__ = ["GradientTest"]


class GradientTest(Quantity):
    """A dimensionless measure of gradient noise, from ‖gₙ‖², gₙᵀḡ and ‖ḡ‖².

    Where the samples nearly agree, it is the small difference of these: in single precision a
    value below 3e-4/√N is mostly rounding, and says no more than that there is next to no noise.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    @staticmethod
    @abstractmethod
    def measure(sq_norms: Tensor, dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
        """The test's values from ‖gₙ‖² [*, N], gₙᵀḡ [*, N] and ‖ḡ‖² [*]."""

    def requires(self) -> frozenset[Statistic]:
        """‖gₙ‖² and gₙᵀḡ."""
        return frozenset({SqNorms(), DotGrad()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """The value for the network and for each parameter by itself."""
        if info.batch_size < 2:
            raise Absent("gradient tests need at least two samples in the mini-batch; got one")
        sq_norms, dots = stats.rows(SqNorms()), stats.rows(DotGrad())
        squares = stats.sq_grad_norms
        layers = self.measure(sq_norms, dots, squares)
        network = self.measure(sq_norms.sum(0), dots.sum(0), squares.sum())
        return per_layer(info, network, stats.grad, layers)
