"""The histogram of individual gradient elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import numpy as np

from cockpit.backward.statistics import GradientHistogram, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Bins, Counts1d, Histogram1d
from cockpit.quantities.base import Quantity, Tier
from cockpit.schedules import Schedule
from cockpit.step import StepInfo

__all__ = ["GradHist1d", "checked_bins"]


def checked_bins(count: int, low: float, high: float) -> Bins:
    """Bins, if they make sense.

    Raises:
        ValueError: If there is no bin or the range is empty.
    """
    if count < 1 or not low < high:
        raise ValueError(
            f"A histogram needs at least one bin and low < high; got {count} bins on "
            f"[{low}, {high}]."
        )
    return Bins(float(low), float(high), int(count))


def sum_counts(parts: Iterable[Counts1d]) -> Counts1d:
    """Counts of all elements together."""
    parts = list(parts)
    return Counts1d(
        counts=np.sum([part.counts for part in parts], axis=0),
        under=sum(part.under for part in parts),
        over=sum(part.over for part in parts),
        zeros=sum(part.zeros for part in parts),
        nonfinite=sum(part.nonfinite for part in parts),
    )


class GradHist1d(Quantity):
    """Histogram of all N·D individual gradient elements gₙⱼ (counts).

    The default range is symmetric and of order 1 on purpose: gradients of badly scaled data leave
    it visibly. Nothing is clipped: what lies outside is counted as under and over, exact zeros
    and non-finite elements are counted too.

    Args:
        schedule: When to track.
        bins: Number of uniform bins.
        range: From where to where, in loss units per parameter unit.

    Raises:
        ValueError: If there is no bin or the range is empty.

    Reference: thesis C.12.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["histogram1d"]] = "histogram1d"

    def __init__(
        self,
        schedule: Schedule | Callable[[int], bool] | int | None = None,
        bins: int = 40,
        range: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__(schedule)
        self.request = GradientHistogram(checked_bins(bins, *range))

    def requires(self) -> frozenset[Statistic]:
        """The counts."""
        return frozenset({self.request})

    def parameters(self) -> dict[str, Any]:
        """Bins and range."""
        bins = self.request.bins
        return {"bins": bins.count, "range": [bins.low, bins.high]}

    def compute(self, info: StepInfo, stats: BackwardStats) -> Histogram1d:
        """The counts of the network and of each parameter."""
        layers = stats.complete(self.request)
        return Histogram1d(
            self.request.bins,
            sum_counts(layers.values()),
            tuple(layers.get(name) for name in info.layers),
        )
