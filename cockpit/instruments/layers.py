"""Layers: one quantity for every layer and step, as a heat map."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import nonfinite_marks
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.layer_history import chosen_layers, kind_of
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import shorten
from cockpit.instruments.panel import Axis, Heatmap, Mark, Panel, Rule
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.scales import choose_axis

if TYPE_CHECKING:
    from cockpit.log import RunLog

PREFERRED = ("GradNorm", "UpdateSize", "NormTest", "HessTrace", "Distance")
MAX_COLUMNS = 200


@instrument(
    name="layers",
    title="Layers",
    group="gradients",
    order=70,
    needs=PREFERRED,
    help=Help(
        shows="One quantity for every named parameter (rows, the input's side on top) over the "
        "steps (columns; many steps are summarized by their median).",
        good="Rows of similar color that change together.",
        bad="Values in the first rows far below those in the last: vanishing gradients. One row "
        "far above all others: it dominates. A row that drops to nothing has stopped learning.",
        do="Pick that layer out in the other instruments. Check its initialization, its "
        "activation function, and whether it is frozen on purpose.",
        source="Thesis sections 7.3.2 and 8.2.2.",
    ),
)
def layers(log: RunLog, view: View) -> Panel | None:
    """Heat map of ``view.quantity``, or of the first per-layer quantity of the run."""
    name = view.quantity or next(iter(layer_quantities(log)), None)
    if name is None or name not in layer_quantities(log):
        return None
    steps, values = log.layer_series(name)
    names = [layer.name for layer in log.layers]
    chosen = chosen_layers(log, view)
    if chosen:
        rows = [i for i, _ in chosen]
        values, names = values[:, rows], [names[i] for i in rows]
    if values.size == 0:
        return None
    horizontal = Horizontal(log, view)
    edges, cells = summarize(horizontal.positions(steps), values, MAX_COLUMNS)
    scale = choose_axis(name, cells)
    count = len(names)
    ticks = tuple((i + 0.5, shorten(name)) for i, name in enumerate(names))
    z = np.where(np.isfinite(cells), cells, np.nan).T
    marks: list[Mark] = [Heatmap(edges, np.arange(count + 1.0), z, name, scale.scale, tuple(names))]
    network = log.series(name)
    marks += nonfinite_marks([(horizontal.positions(network.step), network.value)])
    if view.step is not None:
        marks.append(Rule(float(horizontal.positions(np.array([view.step]))[0]), "vertical"))
    shown = f"{count} parameters" if not chosen else f"{count} of {len(log.layers)} parameters"
    bad = int((~np.isfinite(network.value)).sum())
    return Panel(
        title=f"Layers: {name}",
        x=horizontal.axis,
        y=Axis(range=(float(count), 0.0), ticks=ticks),
        marks=tuple(marks),
        note=joined(shown, f"{bad:,} steps not finite" if bad else ""),
    )


def layer_quantities(log: RunLog) -> tuple[str, ...]:
    """The per-layer quantities of a run, the most telling ones first."""
    present = [name for name in log.quantities if kind_of(log, name) == "per_layer"]
    first = [name for name in PREFERRED if name in present]
    return (*first, *(name for name in present if name not in first))


def summarize(x: np.ndarray, values: np.ndarray, max_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells for at most ``max_columns`` columns: the median of each stretch of steps.

    Args:
        x: Positions, shape [T], increasing.
        values: Values, shape [T, L].
        max_columns: Upper bound of the columns.

    Returns:
        Edges, shape [columns + 1], halfway between the stretches; and medians of the finite
        values, shape [columns, L], NaN where there is none.
    """
    count = min(len(x), max_columns)
    bounds = np.linspace(0, len(x), count + 1).astype(int)
    cells = np.full((count, values.shape[1]), np.nan)
    for i, (start, end) in enumerate(pairwise(bounds)):
        part = values[start:end]
        known = np.isfinite(part).any(axis=0)
        if known.any():
            finite = np.where(np.isfinite(part[:, known]), part[:, known], np.nan)
            cells[i, known] = np.nanmedian(finite, axis=0)
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5]), cells
    inner = 0.5 * (x[bounds[1:-1] - 1] + x[bounds[1:-1]])
    first, last = x[0] - 0.5 * (x[1] - x[0]), x[-1] + 0.5 * (x[-1] - x[-2])
    return np.concatenate([[first], inner, [last]]), cells
