"""The mean gradient signal-to-noise ratio."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from cockpit.backward.statistics import Statistic, SumSq
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Absent, Quantity, per_layer
from cockpit.quantities.scatter import sum_of_signal_to_noise
from cockpit.step import StepInfo

__all__ = ["MeanGSNR"]


class MeanGSNR(Quantity):
    """Mean over the parameters of ḡⱼ² / ((1/N) Σₙ gₙⱼ² − ḡⱼ²) (dimensionless).

    Elements without noise are left out and counted in ``excluded``.
    Reference: Liu et al. (2020); thesis C.40, C.41.
    """

    kind: ClassVar[Literal["per_layer"]] = "per_layer"

    def requires(self) -> frozenset[Statistic]:
        """Σ gₙ²."""
        return frozenset({SumSq()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> PerLayer:
        """The mean over the network and over each parameter."""
        if info.batch_size < 2:
            raise Absent("MeanGSNR needs at least two samples in the mini-batch; got one")
        sums = {
            name: sum_of_signal_to_noise(sum_sq, stats.grad[name], info.batch_size)
            for name, sum_sq in stats.complete(SumSq()).items()
        }
        noisy = sum(count for _, count in sums.values())
        if noisy == 0:
            raise Absent("no element of the gradient has any noise")
        network = torch.stack([total for total, _ in sums.values()]).sum() / noisy
        layers = {name: total / count for name, (total, count) in sums.items() if count}
        excluded = sum(stats.grad[name].numel() for name in sums) - noisy
        return per_layer(info, network, layers, excluded=excluded or None)
