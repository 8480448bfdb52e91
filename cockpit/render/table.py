"""Panels as tables of numbers: what is drawn, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cockpit.instruments.panel import (
    Axis,
    Band,
    Bars,
    Heatmap,
    Line,
    Panel,
    Points,
    Region,
)
from cockpit.instruments.registry import EVERY_POINT

# How to look at a run for a table: every point, as it is.
WHOLE_RUN: dict[str, Any] = {"max_points": EVERY_POINT, "window": None, "x_scale": "linear"}
CHUNK = 2_000  # rows that are written at once
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
PLACES = {"top": "above", "right": "beside", "below": "history"}


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        part: Which part of the panel it holds, e.g. ``history``.
        names: One for each column, with its unit where it has one.
        columns: Arrays of shape [rows]; NaN is a value that is not finite, or a gap.
        known: For each column where it has an entry at all, bool [rows]; ``None``: everywhere.
    """

    part: str
    names: tuple[str, ...]
    columns: tuple[np.ndarray, ...]
    known: tuple[np.ndarray | None, ...]

    def __len__(self) -> int:
        return len(self.columns[0])


def panel_tables(panel: Panel) -> list[Table]:
    """Everything that a panel draws, as tables; lines of reference are left out.

    Args:
        panel: What is drawn, its sides included.
    """
    found = _own_tables(panel, "now" if "below" in panel.side else "")
    for place, side in panel.side.items():
        found += _own_tables(side, PLACES[place])
    return found


def write_csv(tables: Sequence[Table]) -> Iterator[str]:
    """The tables as one CSV file, piece by piece.

    Several tables stand one below the other: a first column names the part, and each has columns
    of its own. A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    parts = len({table.part for table in tables}) > 1 or len(tables) > 1
    names = [name for table in tables for name in table.names]
    yield csv_lines([[*(["part"] if parts else []), *names]])
    before = 0
    for table in tables:
        blank = [""] * before
        after = [""] * (len(names) - before - len(table.names))
        head = [*([table.part] if parts else []), *blank]
        for start in range(0, len(table), CHUNK):
            cells = [_cells(table, i, slice(start, start + CHUNK)) for i in range(len(table.names))]
            yield csv_lines([*head, *row, *after] for row in zip(*cells, strict=True))
        before += len(table.names)


def csv_lines(rows: Iterable[Sequence[Any]], delimiter: str = ",") -> str:
    """Rows as lines of a CSV (or, with tabs, a TSV) file; texts are made harmless."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([harmless(c) if isinstance(c, str) else c for c in row] for row in rows)
    return buffer.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers stay as they are."""
    if not text.startswith(FORMULA) or _is_number(text):
        return text
    return "'" + text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cells(table: Table, index: int, rows: slice) -> list[str]:
    """A piece of a column as texts: nothing where there is no entry."""
    column, known = table.columns[index][rows], table.known[index]
    if column.dtype.kind not in "iuf":
        return [str(value) for value in column.tolist()]
    texts = [f"{value:.9g}".replace("nan", "NaN") for value in column.tolist()]
    if known is None:
        return texts
    return [text if there else "" for text, there in zip(texts, known[rows].tolist(), strict=True)]


def _own_tables(panel: Panel, part: str) -> list[Table]:
    """The tables of a panel without its sides."""
    made = [_curves(panel, part), _bars(panel, part), _regions(panel, part)]
    made += [_heatmap(panel, mark, part) for mark in panel.marks if isinstance(mark, Heatmap)]
    return [table for table in made if table is not None]


def _curves(panel: Panel, part: str) -> Table | None:
    """Lines, bands and named points over a common horizontal axis."""
    series: list[tuple[str, np.ndarray, np.ndarray]] = []
    for mark in panel.marks:
        if isinstance(mark, Line) and _is_series(mark):
            name = _name(panel, mark.label, mark.secondary_y)
            kind = " (measured)" if mark.faint else " (smoothed)" if mark.smoothed else ""
            series.append((f"{name}{kind}", mark.x, mark.y))
        elif isinstance(mark, Band):
            name = _name(panel, mark.label, mark.secondary_y)
            if np.any(mark.low):  # a band that stands on zero is a curve
                series += [(f"{name} (low)", mark.x, mark.low)]
                series += [(f"{name} (high)", mark.x, mark.high)]
            else:
                series.append((name, mark.x, mark.high))
        elif isinstance(mark, Points) and mark.label and not mark.y_axes and len(mark.x):
            series.append((_name(panel, mark.label, mark.secondary_y), mark.x, mark.y))
    if not series:
        return None
    x = np.unique(np.concatenate([at for _, at, _ in series]))
    columns: list[np.ndarray] = [x]
    known: list[np.ndarray | None] = [None]
    for _, at, values in series:
        column, there = np.full(len(x), np.nan), np.zeros(len(x), dtype=bool)
        places = np.searchsorted(x, at)
        column[places], there[places] = values, True
        columns.append(column)
        known.append(None if there.all() else there)
    names = (panel.x.label or "position", *(name for name, _, _ in series))
    return Table(part, names, tuple(columns), tuple(known))


def _is_series(mark: Line) -> bool:
    """Whether a line is data: it goes to the right, and is not an unnamed line of reference."""
    named = mark.label or mark.role != "muted"
    return bool(named) and bool(np.all(np.diff(mark.x) >= 0))


def _name(panel: Panel, label: str, secondary: bool) -> str:
    """What a column is called: the axis with its unit, and the name of the series."""
    axis = (panel.y2 if secondary else panel.y) or Axis()
    kind = axis.label or ("" if label else panel.title)
    return ": ".join(text for text in dict.fromkeys((kind, label)) if text) or "value"


def _bars(panel: Panel, part: str) -> Table | None:
    """Bars as their edges and, for each series, heights."""
    marks = [mark for mark in panel.marks if isinstance(mark, Bars)]
    if not marks:
        return None
    lying = marks[0].horizontal
    along, across = (panel.y, panel.x) if lying else (panel.x, panel.y)
    lengths = [len(mark.heights) for mark in marks]
    low = np.concatenate([mark.edges[:-1] for mark in marks])
    high = np.concatenate([mark.edges[1:] for mark in marks])
    ends = np.cumsum([0, *lengths])
    labels = list(dict.fromkeys(mark.label or across.label or "height" for mark in marks))
    columns = [np.full(len(low), np.nan) for _ in labels]
    known = [np.zeros(len(low), dtype=bool) for _ in labels]
    for mark, start, end in zip(marks, ends[:-1], ends[1:], strict=True):
        at = labels.index(mark.label or across.label or "height")
        columns[at][start:end], known[at][start:end] = mark.heights, True
    names = (*_ends(along), *labels)
    return Table(part, names, (low, high, *columns), (None, None, *known))


def _ends(axis: Axis) -> tuple[str, str]:
    name = axis.label or "position"
    return f"{name} from", f"{name} to"


def _regions(panel: Panel, part: str) -> Table | None:
    """Named zones: their ends."""
    marks = [mark for mark in panel.marks if isinstance(mark, Region) and mark.label]
    if not marks:
        return None
    labels = np.array([mark.label for mark in marks], dtype=object)
    low, high = (np.array([getattr(mark, end) for mark in marks]) for end in ("low", "high"))
    return Table(part, ("zone", "from", "to"), (labels, low, high), (None, None, None))


def _heatmap(panel: Panel, mark: Heatmap, part: str) -> Table:
    """One row a cell, or, where the rows are things, one row a column of the map."""
    if mark.y_labels:
        rows = [i for i in range(len(mark.z)) if i not in mark.headings or _any_known(mark.z[i])]
        names = (*_ends(panel.x), *(f"{mark.label}: {mark.y_labels[i]}" for i in rows))
        columns = (mark.x_edges[:-1], mark.x_edges[1:], *(mark.z[i] for i in rows))
        return Table(part, names, columns, (None,) * len(columns))
    height, cols = mark.z.shape
    low_x, high_x = (np.tile(edges, height) for edges in (mark.x_edges[:-1], mark.x_edges[1:]))
    low_y, high_y = (np.repeat(edges, cols) for edges in (mark.y_edges[:-1], mark.y_edges[1:]))
    cells = np.where(np.isnan(mark.z), 0, mark.z).ravel()
    names = (*_ends(panel.x), *_ends(panel.y), mark.label or "value")
    return Table(part, names, (low_x, high_x, low_y, high_y, cells), (None,) * 5)


def _any_known(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).any())
