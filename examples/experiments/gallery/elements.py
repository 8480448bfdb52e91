"""Histograms of gradient elements: as shares, over runs, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from cockpit.log import RunLog
from cockpit.log.record import Bins, Counts1d, Histogram1d
from examples.experiments.gallery.picture import COLORS

FEWEST = 1e-7  # share at which the axis begins: some ten elements of 10⁸
GAP, OUTER = 0.04, 0.07  # between the bins and the bars of what lies outside; their width, of both

TICKS = (1e-6, 1e-4, 1e-2, 1.0)


@dataclass(frozen=True)
class Shares:
    """Which share of the gradient elements lies where: of the network, and of each layer.

    Attributes:
        bins: Of the histograms.
        network: Below, in each bin, above; [seeds, bins + 2]; the sum over the last axis is 1.
        layers: The same of the chosen parameters, [seeds, L, bins + 2].
    """

    bins: Bins
    network: np.ndarray
    layers: np.ndarray


def shares(
    logs: Sequence[RunLog], name: str = "GradHist1d", step: int = 0, layers: Sequence[str] = ()
) -> Shares:
    """The histogram at a step, of several runs of the same network.

    Args:
        logs: One for each seed.
        name: Of the quantity.
        step: At which it was tracked.
        layers: Names of the parameters that are wanted on their own.

    Raises:
        ValueError: If a run has no histogram at this step.
    """
    found = [_histogram(log, name, step) for log in logs]
    places = [[layer.name for layer in logs[0].layers].index(layer) for layer in layers]
    bins = found[0].bins
    by_layer = [[share(h.layers[i]) for i in places] for h in found]
    return Shares(
        bins,
        np.stack([share(h.network) for h in found]),
        np.array(by_layer, dtype=float).reshape(len(found), len(places), bins.count + 2),
    )


def _histogram(log: RunLog, name: str, step: int) -> Histogram1d:
    at, histogram = log.histogram(name, step) or (None, None)
    if at != step or not isinstance(histogram, Histogram1d):
        raise ValueError(f"{log.path} has no {name} at step {step}")
    return histogram


def share(counts: Counts1d | None) -> np.ndarray:
    """Below, in each bin, above, as shares of the finite elements; [bins + 2]. NaN if none is."""
    if counts is None:
        raise ValueError("got a parameter without a histogram, expected one that is trained")
    placed = np.array([counts.under, *counts.counts, counts.over], dtype=float)
    return placed / placed.sum() if placed.any() else np.full(len(placed), np.nan)


def beyond(found: np.ndarray) -> np.ndarray:
    """The share that lies outside the range; [..., bins + 2] -> [...]."""
    return np.asarray(found[..., 0] + found[..., -1])


def draw_shares(ax: Axes, bins: Bins, found: np.ndarray, role: str, **how: float) -> None:
    """Outline of a histogram on a logarithmic axis, with bars set apart for what lies outside.

    Args:
        ax: Where.
        bins: Of the histogram.
        found: Shape [bins + 2].
        role: A key of ``COLORS``.
        how: ``alpha`` of the area, ``linewidth`` of its outline.
    """
    color, span = COLORS[role], bins.high - bins.low  # type: ignore[index]
    alpha, width = how.get("alpha", 0.25), how.get("linewidth", 1.3)
    inner, outer = bins.edges(), OUTER * span
    left, right = bins.low - GAP * span - outer, bins.high + GAP * span
    pieces = ((found[1:-1], inner), (found[:1], np.array([left, left + outer])),
              (found[-1:], np.array([right, right + outer])))  # fmt: skip
    for values, edges in pieces:
        shown = np.where(values >= FEWEST, values, np.nan)
        ax.stairs(np.nan_to_num(shown, nan=FEWEST), edges, baseline=FEWEST, fill=True,
                  color=color, alpha=alpha, linewidth=0)  # fmt: skip
        ax.stairs(shown, edges, baseline=FEWEST, color=color, linewidth=width)
    ax.set(yscale="log", ylim=(FEWEST, 3), xlim=(left - 0.02 * span, right + outer + 0.02 * span))
    ax.set_yticks(TICKS)
    ax.minorticks_off()
