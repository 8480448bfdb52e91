"""The horizontal axis of histories: steps, epochs or time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.panel import Axis

if TYPE_CHECKING:
    from cockpit.instruments.history import Curve
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog

# From how many seconds on a unit is used, its seconds, its name.
UNITS = ((2 * 86400.0, 86400.0, "d"), (2 * 3600.0, 3600.0, "h"), (120.0, 60.0, "min"), (0, 1, "s"))

Knots = tuple[np.ndarray, np.ndarray]  # steps and positions of a piecewise linear map


class Horizontal:
    """Where a step is drawn.

    Attributes:
        axis: The axis, with its label and, where the view has a window, its range.
    """

    def __init__(self, log: RunLog, view: View) -> None:
        self._view = view
        self._knots: Knots | None = None
        label = "step"
        if view.x == "epoch":
            self._knots = _epochs(log)
            label = "epoch" if self._knots else "step (fewer than two epochs logged)"
        elif view.x == "time":
            self._knots, label = _times(log, view.unit)
        self.axis = Axis(label, range=view.window)

    def positions(self, steps: np.ndarray) -> np.ndarray:
        """Where steps are drawn, shape as given; beyond the known ones by their last slope."""
        steps = np.asarray(steps, dtype=float)
        if self._knots is None:
            return steps
        known, at = self._knots
        result = np.interp(steps, known, at)
        for edge, inner, outside in ((0, 1, steps < known[0]), (-1, -2, steps > known[-1])):
            slope = (at[edge] - at[inner]) / (known[edge] - known[inner])
            result[outside] = at[edge] + slope * (steps[outside] - known[edge])
        return result

    def spanning(self, curves: Sequence[Curve]) -> Axis:
        """The axis for these curves; where all lie at one position, with room around it."""
        ends = self.positions(np.array([s for c in curves if len(c.step) for s in c.step[[0, -1]]]))
        if self.axis.range is not None or ends.size == 0 or np.ptp(ends) > 0:
            return self.axis
        return replace(self.axis, range=(float(ends[0]) - 1, float(ends[0]) + 1))

    def clip(self, curve: Curve) -> Curve:
        """The curve within the view's window, and one point beyond on either side."""
        if self._view.window is None:
            return curve
        x = self.positions(curve.step)
        low, high = sorted(self._view.window)
        start = max(int(np.searchsorted(x, low)) - 1, 0)
        end = int(np.searchsorted(x, high, side="right")) + 1
        return replace(curve, step=curve.step[start:end], value=curve.value[start:end])


def _epochs(log: RunLog) -> Knots | None:
    """Where each epoch was first seen; ``None`` if fewer than two were."""
    if "epoch" not in log.user_names:
        return None
    series = log.user_series("epoch")
    known = np.isfinite(series.value)
    steps, epochs = series.step[known].astype(float), np.maximum.accumulate(series.value[known])
    if len(steps) == 0:
        return None
    first = np.concatenate([[True], np.diff(epochs) > 0])
    return (steps[first], epochs[first]) if first.sum() > 1 else None


def _times(log: RunLog, wanted: str | None) -> tuple[Knots | None, str]:
    """When each step was taken, and the label with the unit."""
    longest = max((log.series(n) for n in log.quantities), key=lambda s: len(s.step), default=None)
    known = np.isfinite(longest.time) if longest else np.zeros(0, bool)
    if longest is None or known.sum() < 2:
        return None, "step (fewer than two times logged)"
    steps, seconds = longest.step[known], np.maximum.accumulate(longest.time[known])
    unit = wanted or time_unit(seconds[-1])
    size = next(size for _, size, name in UNITS if name == unit)
    return (steps.astype(float), seconds / size), f"time [{unit}]"


def time_unit(seconds: float) -> str:
    """The unit that suits a duration: s, min, h or d."""
    return next(name for least, _, name in UNITS if seconds >= least)
