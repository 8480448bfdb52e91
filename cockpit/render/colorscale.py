"""How the cells of a heat map get their colors: the same in every renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis, Heatmap
from cockpit.instruments.scales import linear_threshold, to_scale
from cockpit.render.ticks import Tick, log_ticks, symlog_ticks


@dataclass(frozen=True)
class ColorScale:
    """Cells on a linear color scale.

    Attributes:
        cells: Transformed values, NaN where a cell is empty.
        low: Value at the color map's start.
        high: Value at its end.
        ticks: Positions on the transformed scale and their texts.
        diverging: Whether zero is in the middle of the color map.
        linthresh: Where a symlog scale turns from linear to logarithmic.
    """

    cells: np.ndarray
    low: float
    high: float
    ticks: tuple[Tick, ...]
    diverging: bool
    linthresh: float


def color_scale(heatmap: Heatmap) -> ColorScale:
    """Colors for a heat map; one that is constant or empty gets a range of one unit."""
    z = np.where(np.isfinite(heatmap.z), heatmap.z, np.nan)
    spread = z if heatmap.spread is None else heatmap.spread
    magnitudes = np.abs(spread[np.isfinite(spread) & (spread != 0)])
    threshold = linear_threshold(magnitudes) if magnitudes.size else 1.0
    axis = Axis(scale=heatmap.scale, linthresh=threshold)
    cells = to_scale(z, axis)
    covered = cells if heatmap.spread is None else to_scale(spread, axis)
    known = covered[np.isfinite(covered)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    diverging = heatmap.scale != "log" and low < 0 < high
    if diverging:
        high = max(-low, high)
        low = -high
    elif high <= low:
        low, high = low - 0.5, high + 0.5
    return ColorScale(cells, low, high, _ticks(low, high, axis), diverging, threshold)


def _ticks(low: float, high: float, axis: Axis) -> tuple[Tick, ...]:
    """At both ends of the scale, roughly: a small color bar has no room for more."""
    if axis.scale == "log":
        ticks = log_ticks(10.0**low, 10.0**high, most=3)
        ticks = ticks[:: -(-len(ticks) // 3)]
        return tuple((float(np.log10(value)), text) for value, text in ticks)
    if axis.scale == "symlog":
        ends = [float(np.sign(e) * axis.linthresh * (10 ** abs(e) - 1)) for e in (low, high)]
        ticks = symlog_ticks(ends[0], ends[1], axis, most=3)
        return tuple((float(to_scale(np.array(value), axis)), text) for value, text in ticks)
    values = np.linspace(low, high, 3)
    return tuple((float(value), format_number(value)) for value in values)
