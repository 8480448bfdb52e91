"""The joint histogram of parameters and individual gradient elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from cockpit.backward.statistics import JointHistogram, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Histogram2d
from cockpit.quantities.base import Quantity, Tier
from cockpit.quantities.grad_hist1d import checked_bins
from cockpit.schedules import Schedule
from cockpit.step import StepInfo

__all__ = ["GradHist2d"]

Range = tuple[float, float]


class GradHist2d(Quantity):
    """Joint histogram of all pairs (θⱼ, gₙⱼ), with both marginals (counts).

    Args:
        schedule: When to track.
        bins: Number of uniform bins of the parameters and of the gradient elements.
        range: Range of the parameters and of the gradient elements; what lies outside is counted
            in rows and columns of its own.

    Raises:
        ValueError: If there is no bin or a range is empty.

    Reference: thesis C.13.
    """

    tier: ClassVar[Tier | None] = "full"
    kind: ClassVar[Literal["histogram2d"]] = "histogram2d"

    def __init__(
        self,
        schedule: Schedule | Callable[[int], bool] | int | None = None,
        bins: tuple[int, int] = (40, 40),
        range: tuple[Range, Range] = ((-1.0, 1.0), (-1.0, 1.0)),
    ) -> None:
        super().__init__(schedule)
        x, y = (checked_bins(n, *r) for n, r in zip(bins, range, strict=True))
        self.request = JointHistogram(x, y)

    def requires(self) -> frozenset[Statistic]:
        """The counts."""
        return frozenset({self.request})

    def parameters(self) -> dict[str, Any]:
        """Bins and ranges."""
        x, y = self.request.x, self.request.y
        return {"bins": [x.count, y.count], "range": [[x.low, x.high], [y.low, y.high]]}

    def compute(self, info: StepInfo, stats: BackwardStats) -> Histogram2d:
        """The counts of the network and of each parameter."""
        tables = {k: t.numpy() for k, t in stats.complete(self.request).items()}
        return Histogram2d(
            self.request.x,
            self.request.y,
            np.sum(list(tables.values()), axis=0),
            tuple(tables.get(name) for name in info.layers),
        )
