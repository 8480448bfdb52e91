"""The evidence-based stopping criterion."""

from __future__ import annotations

from torch import Tensor

from cockpit.backward.statistics import Statistic, SumSq
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Absent, Quantity, scalar
from cockpit.quantities.cabs import outside_plain_sgd
from cockpit.quantities.scatter import signal_to_noise
from cockpit.step import StepInfo

__all__ = ["EarlyStopping", "early_stopping"]


def early_stopping(signal_to_noise: Tensor, elements: int, n: int) -> Tensor:
    """1 − (N−1)/D Σⱼ ḡⱼ² / ((1/N) Σₙ gₙⱼ² − ḡⱼ²) (dimensionless).

    Args:
        signal_to_noise: The sum over the elements that have noise.
        elements: Their number.
        n: Number of samples N.

    Returns:
        At most 1. Above 0: what is left of the gradient can't be told from noise.

    Reference: Mahsereci et al. (2017); thesis C.11.
    """
    return 1 - (n - 1) * signal_to_noise / elements


class EarlyStopping(Quantity):
    """Above 0: the gradient is not larger than its noise, so stop.

    Derived for plain SGD; with any other optimizer the record says so. Elements without noise are
    left out and counted in ``excluded``. Reference: Mahsereci et al. (2017); thesis C.7–C.11.
    """

    def requires(self) -> frozenset[Statistic]:
        """Σ gₙ²."""
        return frozenset({SumSq()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The right side of C.11."""
        if info.batch_size < 2:
            raise Absent("EarlyStopping needs at least two samples in the mini-batch; got one")
        ratios = signal_to_noise(stats.complete(SumSq()), stats.grad, info.batch_size)
        return scalar(
            early_stopping(ratios.total, ratios.noisy, info.batch_size),
            excluded=ratios.excluded or None,
            assumption=outside_plain_sgd(info),
        )
