"""Histogram of all individual gradient elements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.layer_history import chosen_layers
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import format_count, format_number, format_share
from cockpit.instruments.panel import Axis, Bars, Mark, Panel, Text
from cockpit.instruments.registry import Help, View, instrument
from cockpit.log.record import Bins, Counts1d, Histogram1d

if TYPE_CHECKING:
    from cockpit.log import RunLog

GAP = 0.035  # of the range, between the bins and the bars for what lies outside
OUTER = 0.06  # width of those bars, of the range


@instrument(
    name="grad_hist1d",
    title="Gradient elements",
    group="gradients",
    order=30,
    needs=("GradHist1d",),
    help=Help(
        shows="How many elements of the individual gradients (samples × parameters) have which "
        "size, on a logarithmic count. The bars set apart count what lies below and above the "
        "range; the dark bar counts exact zeros.",
        good="A narrow peak around zero with tails well within ±1.",
        bad="Large bars beyond the range: badly scaled inputs or exploding gradients. Nearly all "
        "exactly zero: dead units. A single needle at zero in some layers: vanishing gradients.",
        do="Normalize the inputs. Look at the layers one by one. Change initialization or "
        "activation functions where they vanish.",
        source="Thesis sections 7.2.3, 7.3.1, 7.3.2, eq. C.12.",
    ),
)
def grad_hist1d(log: RunLog, view: View) -> Panel | None:
    """Log counts with separate bars for what lies outside of the range."""
    return histogram_panel(log, view, "GradHist1d", "gradient element")


def histogram_panel(log: RunLog, view: View, name: str, label: str) -> Panel | None:
    """A one-dimensional histogram as of the view's step; ``None`` if there is none.

    Args:
        log: The run.
        view: Which step, which layers (several are added up).
        name: The quantity.
        label: What is counted.
    """
    found = log.histogram(name, view.step)
    step, histogram = found if found else (0, None)
    if not isinstance(histogram, Histogram1d):
        return None
    counts, layer = _chosen_counts(log, view, histogram)
    total = counts.under + int(counts.counts.sum()) + counts.over
    note = joined(
        f"{format_share(counts.zeros, total)} exactly zero" if total else "",
        f"{counts.nonfinite:,} not finite" if counts.nonfinite else "",
        layer,
    )
    top = 4.0 * max(int(counts.counts.max(initial=0)), counts.under, counts.over, 5)
    bins = histogram.bins
    span = bins.high - bins.low
    edge = (GAP + OUTER) * span + 0.01 * span
    return Panel(
        x=Axis(label, range=(bins.low - edge, bins.high + edge), ticks=range_ticks(bins)),
        y=Axis("elements", "log", range=(0.7, top)),
        marks=tuple(_marks(bins, counts)) if total else _no_marks(bins, counts),
        current=f"{format_count(total)} at step {step:,}",
        note=note,
    )


def no_finite_element() -> Text:
    """What a histogram says in place of bars or cells."""
    return Text(0.5, 0.5, "no finite element\nat this step", align="center")


def _chosen_counts(log: RunLog, view: View, histogram: Histogram1d) -> tuple[Counts1d, str]:
    """The network's counts, or the sum of those of the chosen layers, and their names."""
    chosen = chosen_layers(log, view)
    picked = [(histogram.layers[i], n) for i, n in chosen if i < len(histogram.layers)]
    found = [(counts, name) for counts, name in picked if counts is not None]
    if not found:
        return histogram.network, "whole network: not measured for these layers" if chosen else ""
    parts = [counts for counts, _ in found]
    added = Counts1d(
        np.sum([c.counts for c in parts], axis=0),
        *(sum(getattr(c, n) for c in parts) for n in ("under", "over", "zeros", "nonfinite")),
    )
    return added, ", ".join(name for _, name in found)


def range_ticks(bins: Bins) -> tuple[tuple[float, str], ...]:
    """Ticks at the ends and quarters of the range of bins."""
    at = np.linspace(bins.low, bins.high, 5)
    return tuple((float(a), format_number(a)) for a in at)


def _no_marks(bins: Bins, counts: Counts1d) -> tuple[Mark, ...]:
    """Of no element: bars without height, beside which those of another run may stand."""
    bars = [mark for mark in _marks(bins, counts) if isinstance(mark, Bars)]
    return (*(replace(bar, label="") for bar in bars), no_finite_element())


def _marks(bins: Bins, counts: Counts1d) -> list[Mark]:
    edges, span = bins.edges(), bins.high - bins.low
    near, far = GAP * span, (GAP + OUTER) * span
    below = f"below {format_number(bins.low)}: {format_count(counts.under)}"
    above = f"above {format_number(bins.high)}: {format_count(counts.over)}"
    marks: list[Mark] = [
        Bars(edges, counts.counts),
        Bars(bins.low - np.array([far, near]), np.array([counts.under]), "outside", "secondary"),
        Bars(bins.high + np.array([near, far]), np.array([counts.over]), "outside", "secondary"),
        Text(0.01, 0.99, below),
        Text(0.99, 0.99, above, align="right"),
    ]
    if counts.zeros and bins.low <= 0 < bins.high:
        at = int(np.searchsorted(edges, 0.0, side="right")) - 1
        zeros = np.array([counts.zeros])
        marks.append(Bars(edges[at : at + 2], zeros, "exactly zero", "quaternary"))
    if counts.nonfinite:
        text = f"{counts.nonfinite:,} elements not finite"
        marks.append(Text(0.01, 0.91, text, "warning"))
    return marks
