"""Joint histogram of parameters and individual gradient elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.grad_hist1d import no_finite_element, range_ticks
from cockpit.instruments.layer_history import chosen_layers
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import format_count, format_share
from cockpit.instruments.panel import Axis, Bars, Heatmap, Panel, Rule
from cockpit.instruments.registry import Help, View, instrument
from cockpit.log.record import Bins, Histogram2d

if TYPE_CHECKING:
    from cockpit.log import RunLog


@instrument(
    name="grad_hist2d",
    title="Parameters and gradients",
    group="gradients",
    order=40,
    needs=("GradHist2d",),
    help=Help(
        shows="For every parameter and sample the pair (parameter, gradient element): counts as "
        "colors on a logarithmic scale, with the distribution of each alone at top and right. The "
        "outermost cells beyond the lines count what lies outside of the range.",
        good="A compact cloud around the origin, symmetric in the gradient.",
        bad="A thin horizontal needle: gradients vanish. Filled outermost rows: gradients beyond "
        "the range. Parameters drifting to the edges: weights grow without bound.",
        do="Compare the layers one by one. Normalize inputs, change initialization, add weight "
        "decay where weights grow.",
        source="Thesis section 7.2.3, eq. C.13.",
    ),
)
def grad_hist2d(log: RunLog, view: View) -> Panel | None:
    """Log-count heat map with both marginals."""
    return joint_panel(log, view, "GradHist2d", "parameter θ", "gradient element")


def joint_panel(log: RunLog, view: View, name: str, x_label: str, y_label: str) -> Panel | None:
    """A two-dimensional histogram as of the view's step; ``None`` if there is none.

    Args:
        log: The run.
        view: Which step, which layers (several are added up).
        name: The quantity.
        x_label: What the horizontal axis counts.
        y_label: What the vertical axis counts.
    """
    found = log.histogram(name, view.step)
    step, histogram = found if found else (0, None)
    if not isinstance(histogram, Histogram2d):
        return None
    counts, layer = _chosen_counts(log, view, histogram)
    x_edges, y_edges = with_outside(histogram.x), with_outside(histogram.y)
    x = Axis(x_label, range=(x_edges[0], x_edges[-1]), ticks=range_ticks(histogram.x))
    y = Axis(y_label, range=(y_edges[0], y_edges[-1]), ticks=range_ticks(histogram.y))
    total = int(counts.sum())
    outside = total - int(counts[1:-1, 1:-1].sum())
    z = np.where(counts > 0, counts, np.nan).T.astype(float)
    bounds = [Rule(at, "vertical") for at in (histogram.x.low, histogram.x.high)]
    bounds += [Rule(at, "horizontal") for at in (histogram.y.low, histogram.y.high)]
    over_x, over_y = counts.sum(axis=1), counts.sum(axis=0)
    top = Panel(x=x, y=_count_axis(over_x), marks=(Bars(x_edges, over_x),))
    right = Panel(x=_count_axis(over_y), y=y, marks=(Bars(y_edges, over_y, horizontal=True),))
    cells = Heatmap(x_edges, y_edges, z, "elements", "log")
    return Panel(
        x=x, y=y,
        marks=(cells, *bounds) if total else (cells, no_finite_element()),
        current=f"{format_count(total)} at step {step:,}",
        note=joined(f"{format_share(outside, total)} outside" if total else "", layer),
        side={"top": top, "right": right} if total else {},
    )  # fmt: skip


def _chosen_counts(log: RunLog, view: View, histogram: Histogram2d) -> tuple[np.ndarray, str]:
    """The network's counts, or the sum of those of the chosen layers, and their names."""
    chosen = chosen_layers(log, view)
    picked = [(histogram.layers[i], n) for i, n in chosen if i < len(histogram.layers)]
    found = [(counts, name) for counts, name in picked if counts is not None]
    if not found:
        return histogram.network, "whole network: not measured for these layers" if chosen else ""
    return np.sum([counts for counts, _ in found], axis=0), ", ".join(name for _, name in found)


def with_outside(bins: Bins) -> np.ndarray:
    """The edges of the bins and of one more cell at either end, for what lies outside."""
    edges = bins.edges()
    width = edges[1] - edges[0]
    return np.concatenate([[edges[0] - width], edges, [edges[-1] + width]])


def _count_axis(counts: np.ndarray) -> Axis:
    highest = max(int(counts.max(initial=0)), 5)
    return Axis("elements", "log", range=(0.7, 2.0 * highest), visible=False)
