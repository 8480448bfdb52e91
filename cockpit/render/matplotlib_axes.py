"""Axes in matplotlib: scales, ranges, ticks, grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, MaxNLocator, NullLocator

from cockpit.instruments.panel import Axis
from cockpit.render.theme import Theme
from cockpit.render.ticks import Tick, linear_texts, log_ticks, symlog_ticks

TICK_SIZE = 6.2
PER_INCH = 2.6  # ticks along a horizontal inch, at most
ROW = 0.115  # inches that a row of text needs


class _EvenTexts(Formatter):
    """Texts of evenly spaced ticks, all with the same decimals."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        return linear_texts(values)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return linear_texts([x])[0]


def scale_axis(ax: Axes, which: Literal["x", "y"], axis: Axis) -> None:
    """Set the scale, before anything is drawn."""
    set_scale = ax.set_xscale if which == "x" else ax.set_yscale
    if axis.scale == "symlog":
        set_scale("symlog", linthresh=axis.linthresh, linscale=0.5)
    elif axis.scale == "log":
        set_scale("log", nonpositive="clip")


def finish_axis(
    ax: Axes, which: Literal["x", "y"], axis: Axis, inches: float, theme: Theme
) -> None:
    """Set range, ticks and label, after everything is drawn.

    Args:
        ax: The axes.
        which: Which of its axes.
        axis: What it shows.
        inches: Its length.
        theme: Colors.
    """
    mpl_axis = ax.xaxis if which == "x" else ax.yaxis
    if axis.range is not None:
        (ax.set_xlim if which == "x" else ax.set_ylim)(*axis.range)
    low, high = sorted(ax.get_xlim() if which == "x" else ax.get_ylim())
    mpl_axis.set_minor_locator(NullLocator())
    if not axis.visible:
        mpl_axis.set_major_locator(NullLocator())
        return
    most = max(2, int(inches * PER_INCH) if which == "x" else int(inches / 0.24))
    ticks = _chosen(axis, low, high, inches, most, which)
    if ticks is None:
        mpl_axis.set_major_locator(
            MaxNLocator(nbins=min(most, 6), steps=[1, 2, 2.5, 5, 10], integer=axis.label == "step")
        )
        mpl_axis.set_major_formatter(_EvenTexts())
    else:
        mpl_axis.set_major_locator(FixedLocator([value for value, _ in ticks]))
        mpl_axis.set_ticklabels([text for _, text in ticks])
    ax.tick_params(
        axis=which, labelsize=TICK_SIZE, length=2, width=0.6, pad=2,
        color=theme.axis, labelcolor=theme.muted_text,
    )  # fmt: skip


def _chosen(
    axis: Axis, low: float, high: float, inches: float, most: int, which: str
) -> list[Tick] | None:
    """Ticks of the panel itself, or of its scale; ``None`` for an even, linear axis."""
    if axis.ticks:
        stride = 1
        if which == "y":
            stride = max(1, int(np.ceil(len(axis.ticks) * ROW / inches)))
        return list(axis.ticks[::stride])
    if axis.scale == "log":
        return log_ticks(low, high, min(most, 6))
    if axis.scale == "symlog":
        return symlog_ticks(low, high, axis, min(most, 7))
    return None


def style_frame(ax: Axes, theme: Theme, *, grid: bool) -> None:
    """A quiet frame: left and bottom lines only, a faint grid."""
    ax.set_facecolor(theme.surface)
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(theme.axis)
        spine.set_linewidth(0.6)
        spine.set_zorder(4)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, color=theme.grid, linewidth=0.6, zorder=0.5)
