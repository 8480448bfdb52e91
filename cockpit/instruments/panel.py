"""What an instrument shows, as plain data: no plotting library here.

An instrument is a function ``RunLog -> Panel``; a renderer turns the panel into a figure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Scale = Literal["linear", "log", "symlog"]
Role = Literal[
    "primary", "secondary", "tertiary", "quaternary", "muted", "good", "advisory", "caution",
    "warning",
    "run-0", "run-1", "run-2", "run-3", "run-4",
]  # fmt: skip
Dashes = Literal["dash", "dot", "dashdot"]
Group = Literal["step size", "gradients", "curvature", "performance"]
Place = Literal["top", "right", "below"]
Symbol = Literal["circle", "cross", "left", "right", "up", "down"]
Shape = Literal["horizontal", "vertical", "disc"]

GROUPS: tuple[Group, ...] = ("step size", "gradients", "curvature", "performance")


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        label: What it measures, with its unit.
        scale: How values map to positions.
        range: Its ends (``None``: from the data); a first end above the second turns it around.
        linthresh: Where a symlog scale turns from linear to logarithmic.
        ticks: Positions and texts of the ticks (empty: the renderer chooses).
        visible: Whether ticks, label and grid are drawn.
    """

    label: str = ""
    scale: Scale = "linear"
    range: tuple[float, float] | None = None
    linthresh: float = 1.0
    ticks: tuple[tuple[float, str], ...] = ()
    visible: bool = True


@dataclass(frozen=True)
class Line:
    """A polyline; NaN breaks it.

    ``faint`` marks raw data under a ``smoothed`` line; ``dashes`` are those of a ``dash`` line.
    """

    x: np.ndarray
    y: np.ndarray
    label: str = ""
    role: Role = "primary"
    faint: bool = False
    dash: bool = False
    secondary_y: bool = False
    dashes: Dashes = "dash"
    smoothed: bool = False


@dataclass(frozen=True)
class Points:
    """Markers, e.g. non-finite values or arrows at the edge for what lies outside.

    Attributes:
        x: Horizontal positions.
        y: Vertical positions.
        label: What they are.
        role: What they mean.
        symbol: Their shape.
        secondary_y: Whether ``y`` belongs to the second axis.
        y_axes: Whether ``y`` is a fraction of the panel's height instead of data.
        texts: One short text beside each marker (empty: none).
    """

    x: np.ndarray
    y: np.ndarray
    label: str = ""
    role: Role = "primary"
    symbol: Symbol = "circle"
    secondary_y: bool = False
    y_axes: bool = False
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Band:
    """The area between two curves, e.g. the min-max of what a line summarizes."""

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    label: str = ""
    role: Role = "primary"
    secondary_y: bool = False


@dataclass(frozen=True)
class Bars:
    """Bars between ``edges`` (length n + 1) with ``heights`` (length n).

    ``horizontal`` bars stand on the vertical axis: ``edges`` are y, ``heights`` are x.
    ``outline`` draws only the skyline, for a distribution on top of another one.
    """

    edges: np.ndarray
    heights: np.ndarray
    label: str = ""
    role: Role = "primary"
    horizontal: bool = False
    outline: bool = False


@dataclass(frozen=True)
class Heatmap:
    """Cells between edges; ``z`` has shape [len(y_edges) - 1, len(x_edges) - 1]; NaN is empty.

    Attributes:
        x_edges: Increasing, shape [columns + 1].
        y_edges: Increasing, shape [rows + 1].
        z: Values of the cells.
        label: What ``z`` measures (the color bar's label).
        scale: How ``z`` maps to color; ``symlog`` is centered on zero.
        y_labels: One full name per row, where rows are things (layers).
        headings: Which of those rows stand for a group of others.
        spread: What the colors have to cover, where that is more than ``z``: several maps with
            the same ``spread`` have the same colors.
    """

    x_edges: np.ndarray
    y_edges: np.ndarray
    z: np.ndarray
    label: str = ""
    scale: Scale = "linear"
    y_labels: tuple[str, ...] = ()
    headings: tuple[int, ...] = ()
    spread: np.ndarray | None = None


@dataclass(frozen=True)
class Rule:
    """A reference line at ``at`` across the panel."""

    at: float
    orientation: Literal["horizontal", "vertical"]
    label: str = ""
    role: Role = "muted"


@dataclass(frozen=True)
class Region:
    """A shaded zone from ``low`` to ``high`` across the panel, or a disc of radius ``high``.

    ``vertical`` stands upright (``low`` and ``high`` are x), ``horizontal`` lies (they are y); a
    disc has its center at the origin. ``outlined`` draws the border as well.
    """

    low: float
    high: float
    shape: Shape
    label: str = ""
    role: Role = "muted"
    outlined: bool = False


@dataclass(frozen=True)
class Text:
    """A short note inside the panel, at fractions of its width and height."""

    x: float
    y: float
    text: str
    role: Role = "muted"
    align: Literal["left", "center", "right"] = "left"


Mark = Line | Points | Band | Bars | Heatmap | Rule | Region | Text


@dataclass(frozen=True)
class Panel:
    """One picture of an instrument.

    Attributes:
        title: What it shows (an :class:`~cockpit.instruments.registry.Instrument` fills it in).
        group: The group of instruments that it belongs to.
        x: Horizontal axis.
        y: Vertical axis.
        marks: What is drawn, in order.
        y2: A second vertical axis, for marks with ``secondary_y``.
        current: The present value as a short text, shown beside the title.
        side: Panels attached to this one (marginals, the history strip under a gauge), by place.
            A side panel shares the axis along which it is attached, except ``below``.
        note: One line under the title: reason of absence, assumption, estimate.
        equal: Whether both axes use the same unit length (a circle is round).
        legend: Whether the panel explains its labels itself.
        multiples: Panels side by side in place of marks: the same thing for several runs, each
            with its own ``title`` in its ``role``.
        role: The color of the title, where the panel is one of several.
    """

    title: str = ""
    group: Group = "performance"
    x: Axis = Axis()
    y: Axis = Axis()
    marks: tuple[Mark, ...] = ()
    y2: Axis | None = None
    current: str = ""
    side: dict[Place, Panel] = field(default_factory=dict)
    note: str = ""
    equal: bool = False
    legend: bool = True
    multiples: tuple[Panel, ...] = ()
    role: Role = "muted"
