"""Layers: one quantity for every layer and step, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.decimation import stretches
from cockpit.instruments.history import nonfinite_marks
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.layer_history import chosen_layers, kind_of, quantity_panel
from cockpit.instruments.layer_rows import Row, layer_rows, picked_marks, rows_axis, rows_note
from cockpit.instruments.notes import joined
from cockpit.instruments.panel import Heatmap, Mark, Panel, Place, Rule, Scale, Text
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.scales import choose_axis, from_scale, to_scale

if TYPE_CHECKING:
    from cockpit.log import RunLog

PREFERRED = ("GradNorm", "UpdateSize", "NormTest", "HessTrace", "Distance")
MAX_COLUMNS = 200
MIN_COLUMNS = 20
MAX_SAMPLE = 100  # steps that a median is taken of


@instrument(
    name="layers",
    title="Layers",
    group="gradients",
    order=70,
    needs=PREFERRED,
    help=Help(
        shows="One quantity for every named parameter (rows, the input's side on top) over the "
        "steps (columns; many steps are summarized by their median, folded groups likewise).",
        good="Rows of similar color that change together.",
        bad="Values in the first rows far below those in the last: vanishing gradients. One row "
        "far above all others: it dominates. A row that drops to nothing has stopped learning.",
        do="Click on its row: the other instruments then show that layer. Check its "
        "initialization, its activation function, and whether it is frozen on purpose.",
        source="Thesis sections 7.3.2 and 8.2.2.",
    ),
    companions=("layer_histograms", "grad_hist1d", "grad_hist2d"),
)
def layers(log: RunLog, view: View) -> Panel | None:
    """Heat map of ``view.quantity``, or of the first per-layer quantity of the run."""
    name = view.quantity or next(iter(layer_quantities(log)), None)
    if name is None or name not in layer_quantities(log):
        return None
    steps, values = log.layer_series(name)
    if values.size == 0:
        return None
    horizontal = Horizontal(log, view)
    rows = layer_rows(log.layers, view)
    network = log.series(name)
    picked = chosen_layers(log, view)
    marks: list[Mark] = [Text(0.5, 0.5, f"No layer matches “{view.search}”.", align="center")]
    axis = horizontal.axis
    if rows:
        x, values = _visible(horizontal.positions(steps), values, axis.range)
        most = view.max_points if view.every_point else most_columns(view, len(rows))
        edges, cells = summarize(to_scale(x, axis), values, most, axis.scale)
        edges = from_scale(edges, axis)
        start, end = axis.range or (float(edges[0]), float(edges[-1]))
        axis = replace(axis, range=(start, end))
        marks = [heatmap(name, edges, cells, rows), *picked_marks(log, view, rows, start)]
    marks += nonfinite_marks([(horizontal.positions(network.step), network.value)])
    if view.step is not None:
        marks.append(Rule(float(horizontal.positions(np.array([view.step]))[0]), "vertical"))
    bad = int((~np.isfinite(network.value)).sum())
    lines = quantity_panel(log, view, name, name) if picked and view.large else None
    below: dict[Place, Panel] = {"below": replace(lines, x=axis)} if lines else {}
    return Panel(
        title=f"Layers: {name}",
        x=axis,
        y=rows_axis(rows, view),
        marks=tuple(marks),
        side=below,
        note=joined(
            rows_note(log, rows, len(picked)),
            f"{bad:,} steps not finite" if bad else "",
        ),
    )


def heatmap(name: str, edges: np.ndarray, cells: np.ndarray, rows: Sequence[Row]) -> Heatmap:
    """The rows over the steps; a folded group has the median of its layers.

    Args:
        name: The quantity.
        edges: Of the columns, shape [columns + 1].
        cells: Values, shape [columns, L].
        rows: What is shown.
    """
    empty = np.full(len(cells), np.nan)
    lines = [medians(cells[:, row.members].T) if row.members else empty for row in rows]
    z = np.array(lines)
    scale = choose_axis(name, z).scale
    headings = tuple(i for i, row in enumerate(rows) if row.heading)
    y_edges = np.arange(len(rows) + 1.0)
    return Heatmap(edges, y_edges, z, name, scale, tuple(row.name for row in rows), headings)


def most_columns(view: View, rows: int) -> int:
    """How many columns a heat map has at most: fewer where there is little room, or many rows."""
    wanted = min(MAX_COLUMNS, view.max_points // 8, 25 * view.max_points // rows)
    return max(MIN_COLUMNS, wanted)


def layer_quantities(log: RunLog) -> tuple[str, ...]:
    """The per-layer quantities of a run, the most telling ones first."""
    present = [name for name in log.quantities if kind_of(log, name) == "per_layer"]
    first = [name for name in PREFERRED if name in present]
    return (*first, *(name for name in present if name not in first))


def _visible(
    x: np.ndarray, values: np.ndarray, window: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """What lies within a window, and one more on either side."""
    if window is None:
        return x, values
    start = int(np.searchsorted(x, window[0])) - 1
    end = int(np.searchsorted(x, window[1], side="right")) + 1
    part = slice(max(min(start, len(x) - 1), 0), max(end, 1))
    return x[part], values[part]


def summarize(
    x: np.ndarray, values: np.ndarray, max_columns: int, scale: Scale = "linear"
) -> tuple[np.ndarray, np.ndarray]:
    """Cells for at most ``max_columns`` columns: the median of each stretch of steps.

    Args:
        x: Places along the axis, shape [T], increasing; exponents on a logarithmic one.
        values: Values, shape [T, L].
        max_columns: Upper bound of the columns.
        scale: Of the axis.

    Returns:
        Edges, shape [columns + 1], halfway between the stretches; and medians of the finite
        values, shape [columns, L], NaN where there is none. Of a stretch of very many steps
        :data:`MAX_SAMPLE` evenly spaced ones are looked at.
    """
    bounds = stretches(10.0**x if scale == "log" else x, max_columns, scale)
    cells = np.empty((len(bounds) - 1, values.shape[1]))
    for i, (start, end) in enumerate(pairwise(bounds)):
        cells[i] = medians(values[start : end : -(-(end - start) // MAX_SAMPLE)])
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5]), cells
    inner = 0.5 * (x[bounds[1:-1] - 1] + x[bounds[1:-1]])
    first, last = x[0] - 0.5 * (x[1] - x[0]), x[-1] + 0.5 * (x[-1] - x[-2])
    return np.concatenate([[first], inner, [last]]), cells


def medians(values: np.ndarray) -> np.ndarray:
    """The median of the finite values of each column, shape [n, m] -> [m]; NaN where none is."""
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=0)  # NaN comes last
    known = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(values.shape[1])
    low = ordered[np.maximum(known - 1, 0) // 2, columns]
    return 0.5 * low + 0.5 * ordered[known // 2, columns]
