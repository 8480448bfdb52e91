"""The measurements as pictures, in the style of Cockpit's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm

from benchmarks.intervals import CONFIGURATIONS, INTERVALS
from cockpit.instruments.panel import Role
from cockpit.render.matplotlib_panel import CockpitFigure
from cockpit.render.theme import Theme, get_theme

Rows = Sequence[dict[str, Any]]
COLUMNS = 4
WORTH_IT = 2.0  # doubling the time of training is what the thesis calls acceptable
ROLES: dict[str, Role] = {
    "plain": "muted",
    "economy": "primary",
    "business": "tertiary",
    "full": "secondary",
}


def quantities(rows: Rows) -> CockpitFigure:
    """A bar for each quantity; as figures 7.6a, C.6 and C.7 of the thesis."""

    def bars(ax: Axes, rows: Rows, theme: Theme) -> None:
        shown = [row for row in rows if "absent" not in row][::-1]
        names, ratios = [r["quantity"] for r in shown], [r["ratio"] for r in shown]
        spread = [[max(0.0, r["ratio"] - r["low"]) for r in shown]]
        spread.append([max(0.0, r["high"] - r["ratio"]) for r in shown])
        ax.barh(names, ratios, color=theme.colors["primary"], height=0.7)
        ax.errorbar(ratios, names, xerr=spread, fmt="none", ecolor=theme.text, elinewidth=0.7)
        ax.axvline(1, color=theme.muted_text, linewidth=0.8)
        ax.set_xscale("log")
        ax.set_xlim(0.8, max(20.0, 1.5 * max(ratios)))
        ax.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.minorticks_off()
        ax.set_xlabel("time of a step, relative to a plain one")

    return _by_network(rows, bars, height=2.9)


def intervals(rows: Rows) -> CockpitFigure:
    """A table of colors, blue where training takes less than twice as long; as 7.6b, C.8–C.10."""

    def heat(ax: Axes, rows: Rows, theme: Theme) -> None:
        found = {(row["configuration"], row["interval"]): row["ratio"] for row in rows}
        cells = [[found[tier, k] for k in INTERVALS] for tier in CONFIGURATIONS]
        anchors = [(0.0, theme.colors["primary"]), (0.5, theme.surface)]
        anchors.append((1.0, theme.colors["caution"]))
        colors = LinearSegmentedColormap.from_list("cost", anchors)
        limits = LogNorm(WORTH_IT / 16, WORTH_IT * 16)
        ax.imshow(cells, cmap=colors, norm=limits, aspect="auto")
        for i, line in enumerate(cells):
            for j, ratio in enumerate(line):
                ax.text(j, i, f"{ratio:.3g}", ha="center", va="center", color=theme.text)
        ax.set_xticks(range(len(INTERVALS)), [str(k) for k in INTERVALS])
        ax.set_yticks(range(len(CONFIGURATIONS)), CONFIGURATIONS)
        ax.set_xlabel("tracked every … steps")
        ax.grid(False)

    return _by_network(rows, heat, height=1.6)


def memory(rows: Rows) -> CockpitFigure:
    """Memory over two steps, and each peak as a dashed line; as figure C.5."""

    def curves(ax: Axes, rows: Rows, theme: Theme) -> None:
        for row in rows:
            color = theme.colors[ROLES[row["configuration"]]]
            end = row["curve"][-1][0]  # configurations differ in time: each fills the width
            x, y = [t / end for t, _ in row["curve"]], [size for _, size in row["curve"]]
            label = f"{row['configuration']}: {row['peak_mb']:.0f} MB"
            ax.plot(x, y, color=color, linewidth=1, label=label)
            ax.axhline(row["peak_mb"], color=color, linewidth=0.7, linestyle="--")
        ax.set_ylim(bottom=0)
        ax.set_xlabel("course of two steps")
        ax.set_ylabel("memory of the process, MB")
        ax.legend(frameon=False, loc="lower right")

    return _by_network(rows, curves, height=2.2)


def eigenvalue(rows: Rows) -> CockpitFigure:
    """Cockpit's λ_max along a training run, and the converged one."""

    def pairs(ax: Axes, rows: Rows, theme: Theme) -> None:
        (row,) = rows
        shared = {"markersize": 4, "linestyle": "none"}
        ax.plot(
            row["steps"],
            row["references"],
            color=theme.colors["muted"],
            label=f"converged; median error {row['error']:.0e}",
        )
        color = theme.colors["primary"]
        ax.plot(row["steps"], row["values"], "o", color=color, label="Cockpit", **shared)
        ax.set_xlabel("step")
        ax.set_ylabel("largest eigenvalue")
        ax.legend(frameon=False)

    return _by_network(rows, pairs, height=1.8)


def _by_network(
    rows: Rows, draw: Callable[[Axes, Rows, Theme], None], height: float
) -> CockpitFigure:
    """One panel for each network on each device.

    Args:
        rows: Of all of them.
        draw: Draws the rows of one.
        height: Of a panel, in inches.
    """
    theme = get_theme("print")
    places = list(dict.fromkeys((row["network"], row["device"]) for row in rows))
    columns = min(COLUMNS, len(places))
    lines = math.ceil(len(places) / columns)
    figure = CockpitFigure((3.0 * columns, height * lines + 0.3), theme)
    with figure.styled():
        figure.set_layout_engine("constrained")
        axes = figure.subplots(lines, columns, squeeze=False).flatten()
        for ax, place in zip(axes, places, strict=False):
            draw(ax, [row for row in rows if (row["network"], row["device"]) == place], theme)
            ax.set_title(place[0] if place[1] == "cpu" else f"{place[0]} (GPU)", loc="left")
            ax.tick_params(colors=theme.muted_text, length=2)
            ax.spines[["top", "right"]].set_visible(False)
            ax.spines[:].set_color(theme.axis)
        for ax in axes[len(places) :]:
            ax.set_visible(False)
    return figure
