"""A curve of a few pixels: how a quantity went, beside an alert about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.numbers import format_number

if TYPE_CHECKING:
    from cockpit.log import RunLog

COLUMNS = 60
SAMPLED = 6_000  # values that are looked at, spread evenly
DECADES = 1.5  # between the largest and the smallest: from here on the scale is logarithmic
TOP, HEIGHT, WIDTH = 2.0, 24.0, 120.0  # of the picture; the curve keeps the margin at either end


@dataclass(frozen=True)
class Sparkline:
    """A curve in a box of 120 by 24.

    Attributes:
        quantity: What it shows.
        path: As SVG draws it.
        since: Where a stretch to its right end begins that is to be marked, 0 to 120.
        said: The same in words, for those who cannot see it.
    """

    quantity: str
    path: str
    since: float
    said: str


def sparkline(log: RunLog, quantity: str, since: int) -> Sparkline | None:
    """The course of a quantity over the run; None where it has fewer than three finite values.

    Args:
        log: The run.
        quantity: Of scalars, or of the whole network.
        since: The first step of what is to be marked.
    """
    series = log.series(quantity)
    every = -(-len(series.step) // SAMPLED) or 1
    step, value = series.step[::every], np.asarray(series.value[::every], dtype=float)
    finite = np.isfinite(value)
    if np.count_nonzero(finite) < 3:
        return None
    first, last = int(step[0]), int(step[-1])
    span = max(last - first, 1)
    column = np.minimum((step - first) * COLUMNS // span, COLUMNS - 1)
    middle = np.full(COLUMNS, np.nan)
    for place in np.unique(column[finite]):
        middle[place] = np.median(value[finite & (column == place)])
    known = middle[np.isfinite(middle)]
    said = f"{quantity}: {format_number(known[0])} at first, {format_number(known[-1])} at last"
    marked = WIDTH * min(max((since - first) / span, 0.0), 1.0)
    return Sparkline(quantity, _path(_levels(middle)), round(marked, 1), said)


def _levels(values: np.ndarray) -> np.ndarray:
    """Heights from 0 to 1; on a logarithmic scale where values span decades."""
    known = values[np.isfinite(values)]
    if known.min() > 0 and np.log10(known.max() / known.min()) > DECADES:
        values, known = np.log(values), np.log(known)
    low, high = known.min(), known.max()
    return np.asarray((values - low) / (high - low) if high > low else 0.5 + 0 * values)


def _path(levels: np.ndarray) -> str:
    """Lines between neighbors that are known; those between them are passed over."""
    places = np.flatnonzero(np.isfinite(levels))
    x = (places + 0.5) * WIDTH / len(levels)
    y = HEIGHT - TOP - (HEIGHT - 2 * TOP) * levels[places]
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return "M" + "L".join(points)
