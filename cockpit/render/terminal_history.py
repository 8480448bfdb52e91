"""Histories as sparklines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.text import Text

from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis, Band, Line, Panel, Points, Region
from cockpit.instruments.scales import to_scale
from cockpit.render.terminal_blocks import CROSS, Grid, columns_of, resample
from cockpit.render.terminal_paper import Paper, Span, end_texts, labelled, scaled
from cockpit.render.terminal_text import STYLES

TOWERING = 0.5  # of the picture's height: by so much an extreme value must stand out


@dataclass(frozen=True)
class Track:
    """One curve of a history, and the extent of its raw values."""

    line: Line
    axis: Axis
    raw: Line | Band | None = None


def tracks(panel: Panel) -> list[Track]:
    """The curves of a history: each bold line, with the faint one or the band before it."""
    if panel.equal or not panel.y.visible:
        return []
    found = []
    raw: Line | Band | None = None
    for mark in panel.marks:
        if isinstance(mark, Band) or (isinstance(mark, Line) and mark.faint):
            raw = mark
        elif isinstance(mark, Line) and not (mark.dash and mark.role == "muted"):
            axis = panel.y2 if mark.secondary_y and panel.y2 else panel.y
            found.append(Track(mark, axis, raw))
            raw = None
    return found


def history_lines(panel: Panel, paper: Paper) -> list[Text]:
    """A sparkline of each curve with its value; of a single one with the ends of its axis."""
    shown = tracks(panel)
    if not shown:
        return []
    span = _span(panel, shown)
    if len(shown) == 1:
        grid = _spark(panel, shown[0], shown, span, paper.picture, paper.rows)
        gutters = end_texts(shown[0].axis, _ends(shown, shown[0].axis), paper.rows)
        return [scaled(gutter, grid.line(i)) for i, gutter in enumerate(gutters)]
    values = panel.current.split(" · ") if panel.current else []
    values += [_last(track) for track in shown[len(values) :]]
    lines = []
    for track, value in zip(shown, values, strict=False):
        grid = _spark(panel, track, shown, span, paper.picture, 1)
        lines.append(labelled(track.line.label, grid.line(0), value))
    return lines


def _last(track: Track) -> str:
    known = track.line.y[np.isfinite(track.line.y)]
    return format_number(float(known[-1])) if known.size else ""


def _span(panel: Panel, shown: Sequence[Track]) -> Span:
    """Left and right end of a history."""
    if panel.x.range is not None:
        return panel.x.range
    ends = np.concatenate([t.line.x[[0, -1]] for t in shown if len(t.line.x)])
    return float(ends.min()), float(ends.max())


def _ends(shown: Sequence[Track], axis: Axis) -> Span:
    """Lowest and highest position on an axis, on its scale."""
    if axis.range is not None:
        low, high = to_scale(np.array(axis.range), axis).tolist()
        return low, high
    values = [np.zeros(0)]
    for track in shown:
        if track.axis is axis:
            values.append(track.line.y)
            if isinstance(track.raw, Band):
                values += [track.raw.low, track.raw.high]
            elif track.raw is not None:
                values.append(track.raw.y)
    positions = to_scale(np.concatenate(values), axis)
    positions = positions[np.isfinite(positions)]
    if positions.size == 0:
        return 0.0, 1.0
    return float(positions.min()), float(positions.max())


def _spark(
    panel: Panel, track: Track, shown: Sequence[Track], span: Span, width: int, rows: int
) -> Grid:
    """The picture of one curve: bars up to it, and haze up to its raw values."""
    low, high = _ends(shown, track.axis)
    reach = max(high - low, 1e-300)

    def levels(x: np.ndarray, y: np.ndarray, pick: Literal["mean", "max"]) -> np.ndarray:
        positions = (to_scale(y, track.axis) - low) / reach
        return np.clip(resample(x, positions, span, width, pick), 0.0, 1.0)

    grid = Grid(rows, width)
    line = levels(track.line.x, track.line.y, "mean")
    peaks = np.zeros(width)
    if track.raw is not None:
        raw = track.raw.high if isinstance(track.raw, Band) else track.raw.y
        peaks = np.nan_to_num(levels(track.raw.x, raw, "max"))
    if rows == 1:  # no room for haze: extremes count
        line = np.where(peaks > line + TOWERING, peaks, line)
    for column in np.flatnonzero(np.isfinite(line)):
        grid.bar(int(column), float(line[column]), STYLES[track.line.role], float(peaks[column]))
    _mark_nonfinite(grid, panel, span)
    return grid


def _mark_nonfinite(grid: Grid, panel: Panel, span: Span) -> None:
    """Crosses in the topmost row where a history is not finite."""
    for mark in panel.marks:
        if isinstance(mark, Region) and mark.shape == "vertical" and mark.role == "warning":
            ends = columns_of(np.clip([mark.low, mark.high], *span), span, grid.width)
            columns = range(int(ends[0]), int(ends[1]) + 1)
        elif isinstance(mark, Points) and mark.symbol == "cross" and mark.y_axes:
            columns = columns_of(mark.x, span, grid.width).tolist()
        else:
            continue
        for column in columns:
            grid.put(0, column, CROSS, STYLES["warning"])
