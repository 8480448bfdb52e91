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
    from cockpit.log.columns import Series

# From how many seconds on a unit is used, its seconds, its name.
UNITS = ((2 * 86400.0, 86400.0, "d"), (2 * 3600.0, 3600.0, "h"), (120.0, 60.0, "min"), (0, 1, "s"))

Knots = tuple[np.ndarray, np.ndarray]  # steps and positions of a piecewise linear map


class Horizontal:
    """Where a step is drawn.

    A logarithmic axis has no 0: what is there stands at half the first position beyond.

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
        self._least = -np.inf
        window = view.window
        if view.x_scale == "log":
            self._least = _start(self._linear(_longest(log).step))
            window = self._positive(window)
        self.axis = Axis(label, view.x_scale, range=window)

    def positions(self, steps: np.ndarray) -> np.ndarray:
        """Where steps are drawn, shape as given; beyond the known ones by their last slope."""
        return np.maximum(self._linear(steps), self._least)

    def _positive(self, window: tuple[float, float] | None) -> tuple[float, float] | None:
        """The part of a window that a logarithmic axis can show, if there is one."""
        if window is None or max(window) <= self._least:
            return None
        return max(min(window), self._least), max(window)

    def _linear(self, steps: np.ndarray) -> np.ndarray:
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
        at = float(ends[0])
        around = (at / 2, at * 2) if self.axis.scale == "log" else (at - 1, at + 1)
        return replace(self.axis, range=around)

    def clip(self, curve: Curve) -> Curve:
        """The curve within the view's window, and one point beyond on either side."""
        if self.axis.range is None:
            return curve
        x = self.positions(curve.step)
        low, high = sorted(self.axis.range)
        start = max(int(np.searchsorted(x, low)) - 1, 0)
        end = int(np.searchsorted(x, high, side="right")) + 1
        return replace(curve, step=curve.step[start:end], value=curve.value[start:end])


def _start(positions: np.ndarray) -> float:
    """Where a logarithmic axis has what lies at 0: half the first position beyond."""
    beyond = positions[positions > 0]
    return 0.5 * float(beyond.min()) if beyond.size else 0.5


def _longest(log: RunLog) -> Series:
    """The quantity that was recorded most often; empty in an empty run."""
    nothing = log.series("")
    return max((log.series(n) for n in log.quantities), key=len, default=nothing)


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
    longest = _longest(log)
    known = np.isfinite(longest.time)
    if known.sum() < 2:
        return None, "step (fewer than two times logged)"
    steps, seconds = longest.step[known], np.maximum.accumulate(longest.time[known])
    unit = wanted or time_unit(seconds[-1])
    size = next(size for _, size, name in UNITS if name == unit)
    return (steps.astype(float), seconds / size), f"time [{unit}]"


def time_unit(seconds: float) -> str:
    """The unit that suits a duration: s, min, h or d."""
    return next(name for least, _, name in UNITS if seconds >= least)
