"""Layers as rows: in the model's order, filtered by a search text, in groups that fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.grouping import group_names, matches
from cockpit.instruments.layer_history import chosen_styles
from cockpit.instruments.notes import joined
from cockpit.instruments.numbers import shorten
from cockpit.instruments.panel import Axis, Points

if TYPE_CHECKING:
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog
    from cockpit.log.record import Layer

SHORT, LONG = 18, 44  # letters of a name, in a small picture and in a large one


@dataclass(frozen=True)
class Row:
    """One row of a picture whose rows are layers.

    Attributes:
        name: Of the parameter, or of the group.
        members: Places in the log's ``layers`` of what the row shows: a parameter's own; those of
            a folded group; none for the heading of an open one.
        heading: Whether it stands for a group.
        size: How many layers it stands for: those of its group, folded or not; else one.
        group: The group whose heading it stands under.
    """

    name: str
    members: tuple[int, ...]
    heading: bool = False
    size: int = 1
    group: str = ""

    def label(self, length: int) -> str:
        """The name, shortened; for a group also whether it is open, and how many it has.

        What the heading above says already is left out.
        """
        if not self.heading:
            return shorten(self.name.removeprefix(f"{self.group}."), length)
        sign, count = "▸" if self.members else "▾", f" ({self.size})"
        return f"{sign} {shorten(self.name, length - len(count))}{count}"


def layer_rows(layers: Sequence[Layer], view: View) -> tuple[Row, ...]:
    """The rows that a view wants to see, from the input's side to the output's.

    Args:
        layers: The log's.
        view: Its search text, grouping, and which groups are folded.
    """
    found = [i for i, layer in enumerate(layers) if matches(layer, view.search)]
    if view.grouping is None:
        return tuple(Row(layers[i].name, (i,)) for i in found)
    names = group_names(layers, view.grouping)
    members: dict[str, list[int]] = {}
    for i in found:
        members.setdefault(names[i], []).append(i)
    rows: list[Row] = []
    for name, inside in members.items():
        folded = name in view.folded
        rows.append(Row(name, tuple(inside) if folded else (), heading=True, size=len(inside)))
        if not folded:
            rows += [Row(layers[i].name, (i,), group=name) for i in inside]
    return tuple(rows)


def rows_axis(rows: Sequence[Row], view: View) -> Axis:
    """The vertical axis: a row has one unit, the first is on top, all are named."""
    length = LONG if view.large else SHORT
    ticks = tuple((i + 0.5, row.label(length)) for i, row in enumerate(rows))
    return Axis(range=(max(float(len(rows)), 1.0), 0.0), ticks=ticks)


def picked_marks(log: RunLog, view: View, rows: Sequence[Row], x: float) -> list[Points]:
    """An arrow at each row that holds a picked layer, in the color of that layer's lines.

    Args:
        log: The run.
        view: Which layers are picked.
        rows: Those of the picture.
        x: Where the rows begin.
    """
    row_of = {i: at for at, row in enumerate(rows) for i in row.members}
    return [
        Points(np.array([x]), np.array([row_of[i] + 0.5]), log.layers[i].name, role, "right")
        for i, (role, _) in chosen_styles(log, view).items()
        if i in row_of
    ]


def rows_note(log: RunLog, rows: Sequence[Row], picked: int = 0) -> str:
    """What the rows are: ``12 of 62 parameters · 4 folded groups: medians · 2 picked``."""
    total = len(log.layers)
    shown = sum(len(row.members) for row in rows)
    folded = sum(row.heading and bool(row.members) for row in rows)
    return joined(
        f"{total} parameters" if shown == total else f"{shown} of {total} parameters",
        f"{folded} folded group{'' if folded == 1 else 's'}" if folded else "",
        f"{picked} picked" if picked else "",
    )
