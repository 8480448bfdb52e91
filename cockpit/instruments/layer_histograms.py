"""Histogram of the individual gradient elements of every layer, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.grad_hist1d import no_finite_element, range_ticks
from cockpit.instruments.grad_hist2d import with_outside
from cockpit.instruments.layer_history import chosen_layers
from cockpit.instruments.layer_rows import Row, layer_rows, picked_marks, rows_axis, rows_note
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis, Heatmap, Mark, Panel, Rule, Text
from cockpit.instruments.registry import Help, View, instrument
from cockpit.log.record import Counts1d, Histogram1d

if TYPE_CHECKING:
    from cockpit.log import RunLog

NEARLY_ALL = 0.9999  # of a row's elements


@instrument(
    name="layer_histograms",
    title="Gradient elements by layer",
    group="gradients",
    order=75,
    needs=("GradHist1d",),
    help=Help(
        shows="The histogram of the individual gradient elements of every named parameter: one "
        "row each, the input's side on top. Colors are the share of the row's elements, on a "
        "logarithmic scale. The outermost cells beyond the lines count what lies outside.",
        good="Bands of similar width from top to bottom.",
        bad="Rows of a few cells at zero above rows with wide bands: gradients vanish on the way "
        "to the input, however good the histogram of the whole network looks. Filled outermost "
        "cells: gradients beyond the range.",
        do="Where gradients vanish: activation functions that do not saturate (ReLU for sigmoid), "
        "normalization, residual connections, another initialization.",
        source="Thesis section 7.3.2, figure 7.4b, eq. C.12.",
    ),
)
def layer_histograms(log: RunLog, view: View) -> Panel | None:
    """Heat map of layers by gradient size, as of the view's step."""
    found = log.histogram("GradHist1d", view.step)
    step, histogram = found if found else (0, None)
    if not isinstance(histogram, Histogram1d) or not any(histogram.layers):
        return None
    rows = layer_rows(log.layers, view)
    edges = with_outside(histogram.bins)
    marks: list[Mark] = [Text(0.5, 0.5, f"No layer matches “{view.search}”.", align="center")]
    note = ""
    if rows:
        z, headings = shares(histogram, rows), [i for i, row in enumerate(rows) if row.heading]
        names = tuple(row.name for row in rows)
        y_edges = np.arange(len(rows) + 1.0)
        marks = [Heatmap(edges, y_edges, z, "of its elements", "log", names, tuple(headings))]
        marks += [Rule(at, "vertical") for at in (histogram.bins.low, histogram.bins.high)]
        marks += [] if np.isfinite(z).any() else [no_finite_element()]
        marks += picked_marks(log, view, rows, edges[0])
        note = _narrow(z, edges)
    ticks = range_ticks(histogram.bins)
    return Panel(
        x=Axis("gradient element", range=(edges[0], edges[-1]), ticks=ticks),
        y=rows_axis(rows, view),
        marks=tuple(marks),
        current=f"step {step:,}",
        note=joined(note, rows_note(log, rows, len(chosen_layers(log, view)))),
    )


def shares(histogram: Histogram1d, rows: Sequence[Row]) -> np.ndarray:
    """Which share of a row's elements lies in which bin.

    Args:
        histogram: Of the run.
        rows: Layers, or groups of layers, whose counts are added up.

    Returns:
        Shape [rows, bins + 2]: below, in each bin, above. NaN where there is no element.
    """
    result = np.full((len(rows), histogram.bins.count + 2), np.nan)
    known = dict(enumerate(histogram.layers))
    for row, line in zip(rows, result, strict=True):
        parts = [counts for i in row.members if (counts := known.get(i)) is not None]
        total = sum((_with_outside(counts) for counts in parts), np.zeros(len(line)))
        filled = total > 0
        line[filled] = total[filled] / total.sum()
    return result


def _with_outside(counts: Counts1d) -> np.ndarray:
    return np.concatenate([[counts.under], counts.counts, [counts.over]])


def _narrow(z: np.ndarray, edges: np.ndarray) -> str:
    """In how many rows (nearly) all elements lie in the bins that touch zero."""
    central = np.flatnonzero((edges[:-1] <= 0) & (edges[1:] >= 0))
    filled = ~np.isnan(z).all(axis=1)
    narrow = int((np.nansum(z[filled][:, central], axis=1) >= NEARLY_ALL).sum())
    if narrow == 0:
        return ""
    low, high = edges[central[0]], edges[central[-1] + 1]
    between = f"{format_number(low)} and {format_number(high)}"
    return f"{narrow} of {int(filled.sum())} rows nearly all between {between}"
