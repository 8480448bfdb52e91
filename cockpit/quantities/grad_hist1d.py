"""The histogram of individual gradient elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, ClassVar, Literal

from cockpit.backward.statistics import GradientHistogram, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Bins, Histogram1d
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
            reduce(add, layers.values()),
            tuple(layers.get(name) for name in info.layers),
        )
