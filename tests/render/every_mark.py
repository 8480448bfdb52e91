"""One panel for each kind of mark, with numbers that can be found again in a figure."""

from __future__ import annotations

import numpy as np

from cockpit.instruments.panel import (
    Axis,
    Band,
    Bars,
    Heatmap,
    Line,
    Mark,
    Panel,
    Points,
    Region,
    Rule,
    Text,
)

NAN = float("nan")
X = np.array([0.0, 1.0, 2.0, 3.0])
Y = np.array([1.0, 4.0, NAN, 2.0])
EDGES = np.array([0.0, 1.0, 2.0, 4.0])
COUNTS = np.array([3, 0, 5])
Z = np.array([[1.0, 10.0], [NAN, 100.0], [5.0, 2.0]])

MARKS: dict[str, Mark] = {
    "line": Line(X, Y, "loss", "secondary"),
    "faint line": Line(X, Y, faint=True),
    "dashed line": Line(X, Y, dash=True),
    "second axis": Line(X, Y, secondary_y=True),
    "circles": Points(X, Y, "dots", "tertiary"),
    "crosses": Points(X, np.full(4, 0.96), "not finite", "warning", "cross", y_axes=True),
    "arrow left": Points(X[:1], Y[:1], symbol="left", texts=("12 (3 %)",)),
    "arrow right": Points(X[:1], Y[:1], symbol="right", texts=("7 (2 %)",)),
    "arrows up": Points(X, Y, symbol="up"),
    "arrows down": Points(X, Y, symbol="down"),
    "band": Band(X, Y, Y + 1, "range"),
    "bars": Bars(EDGES, COUNTS, "elements"),
    "horizontal bars": Bars(EDGES, COUNTS, horizontal=True),
    "outlined bars": Bars(EDGES, COUNTS, outline=True),
    "log map": Heatmap(X[:3], EDGES, Z, "elements", "log"),
    "map with names": Heatmap(X[:3], EDGES, Z, "norm", y_labels=("a", "b", "c")),
    "map of both signs": Heatmap(X[:3], EDGES, Z - 7, "trace", "symlog"),
    "horizontal rule": Rule(2.5, "horizontal", "limit"),
    "vertical rule": Rule(1.5, "vertical", "here"),
    "horizontal region": Region(1.0, 2.0, "horizontal", "band", outlined=True),
    "vertical region": Region(0.5, 1.5, "vertical", "zone", "warning"),
    "disc": Region(0.0, 1.25, "disc", "norm", "primary", outlined=True),
    "text": Text(0.25, 0.9, "hello", "caution", "center"),
}


def panel_with(*marks: Mark, **settings: object) -> Panel:
    """A panel that holds the marks."""
    y2 = Axis("right") if any(getattr(m, "secondary_y", False) for m in marks) else None
    return Panel(title="Title", x=Axis("step"), y=Axis("value"), y2=y2, marks=marks, **settings)
