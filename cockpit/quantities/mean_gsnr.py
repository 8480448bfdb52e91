"""The mean gradient signal-to-noise ratio."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from cockpit.backward.statistics import Statistic, SumSq
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import PerLayer
from cockpit.quantities.base import Absent, Quantity, per_layer
from cockpit.quantities.scatter import signal_to_noise
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
        ratios = signal_to_noise(stats.complete(SumSq()), stats.grad, info.batch_size)
        means = {n: total / count for n, (total, count) in ratios.by_parameter.items() if count}
        return per_layer(
            info,
            ratios.total / ratios.noisy,
            means,
            torch.stack(list(means.values())),
            excluded=ratios.excluded or None,
        )
