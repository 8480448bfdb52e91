"""The numbers of a run at one step: every one, or those that one instrument shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from cockpit.instruments.notes import other_note
from cockpit.log.codec import decode_value
from cockpit.log.parse import as_float
from cockpit.log.record import (
    Arrays,
    Bins,
    Counts1d,
    Facts,
    Histogram1d,
    Histogram2d,
    PerLayer,
    Scalar,
    Value,
)

if TYPE_CHECKING:
    from cockpit.instruments.registry import Instrument
    from cockpit.log import RunLog

NETWORK = "network"
COUNTED = 20_000  # rows; beyond it is only said that there are more
COLUMNS = ("quantity", "layer", "entry", "value", "step", "note")


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        quantity: What it is, with its unit where it has one.
        layer: Of which parameter; ``network`` for all of them, empty where there are none.
        entry: Which of several numbers, e.g. a bin.
        value: The number.
        step: When it was recorded; the last time at or before the step asked for.
        note: What the value says of itself.
    """

    quantity: str
    layer: str
    entry: str
    value: float
    step: int
    note: str = ""

    def cells(self) -> tuple[str, str, str, str, int, str]:
        """As texts, in the order of ``COLUMNS``; the number with all digits of the log."""
        return (self.quantity, self.layer, self.entry, digits(self.value), self.step, self.note)


def digits(value: float) -> str:
    """A number with all the digits that a log keeps; ``NaN``, ``Infinity``, ``-Infinity``."""
    if np.isfinite(value):
        return f"{value:.9g}"
    return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def record_rows(
    log: RunLog, step: int | None = None, instrument: Instrument | None = None
) -> Iterator[Row]:
    """The numbers as of a step, quantity by quantity; histograms come last, without empty cells.

    Args:
        log: The run.
        step: The step; ``None``: the last one.
        instrument: Only what this instrument shows; ``None``: everything.
    """
    if instrument is None or instrument.name in _OF_THE_STEP:
        wanted = _OF_THE_STEP.get(instrument.name) if instrument else None
        yield from _step_rows(log, step, wanted)
    for name in log.user_names:
        if instrument is None or instrument.claims(name) or instrument.title == name:
            yield from _user_row(log, step, name)
    names = log.quantities
    if instrument is not None:
        names = tuple(name for name in instrument.needs if name in names)
    records: dict[int, dict[str, Any]] = {}
    values = [(name, *_value_at(log, name, step, records)) for name in names]
    for large in (False, True):
        for name, at, value in values:
            if value is not None and isinstance(value, Scalar | PerLayer) != large:
                yield from _ROWS[type(value)](log, name, at, value)


def select(rows: Iterator[Row], search: str, most: int) -> tuple[list[Row], int]:
    """The rows that contain all words of a search, and how many there are.

    Args:
        rows: All of them.
        search: Words, in any order and case; empty: all rows.
        most: How many to return.

    Returns:
        The first ``most`` of them; and their number, at most ``COUNTED``.
    """
    words = search.lower().split()
    found = (row for row in rows if all(word in _words(row) for word in words))
    chosen = list(islice(found, most))
    if len(chosen) < most:
        return chosen, len(chosen)
    return chosen, len(chosen) + sum(1 for _ in islice(found, COUNTED - most))


def _words(row: Row) -> str:
    return f"{row.quantity} {row.layer} {row.entry}".lower()


def _value_at(
    log: RunLog, name: str, step: int | None, records: dict[int, dict[str, Any]]
) -> tuple[int, Value | None]:
    """The last value of a quantity at or before a step, and when that was."""
    steps = log.series(name).step
    if not steps.size:
        steps = log.histogram_steps(name)
    end = steps.size if step is None else int(np.searchsorted(steps, step, side="right"))
    if end == 0:
        return 0, None
    at = int(steps[end - 1])
    if at not in records:
        records[at] = log.record(at) or {}
    try:
        return at, decode_value((records[at].get("values") or {}).get(name))
    except ValueError:  # the file was replaced meanwhile
        return at, None


_OF_THE_STEP = {  # instrument: what it shows of a step besides quantities
    "learning_rate": ("learning rate",),
    "time": ("step without tracking [s]", "tracking [s]"),
    "cabs": ("batch size",),
}


def _step_rows(log: RunLog, step: int | None, wanted: tuple[str, ...] | None) -> Iterator[Row]:
    """What a record says of the step itself."""
    record = log.record(step)
    if record is None:
        return
    overhead, rates = record.get("overhead") or {}, record.get("lr") or []
    groups = [f"group {i}" for i in range(len(rates))] if len(rates) > 1 else [""] * len(rates)
    facts: list[tuple[str, str, Any]] = [
        ("time [s]", "", record.get("time")),
        ("batch size", "", record.get("batch_size")),
        *(("learning rate", group, rate) for group, rate in zip(groups, rates, strict=True)),
        ("step without tracking [s]", "", overhead.get("step_s")),
        ("tracking [s]", "", overhead.get("tracking_s")),
        ("tracking, of the training time so far", "", overhead.get("run")),
    ]
    for name, entry, value in facts:
        number = as_float(value)
        if number is not None and (wanted is None or name in wanted):
            yield Row(name, "", entry, number, int(record["step"]))


def _user_row(log: RunLog, step: int | None, name: str) -> Iterator[Row]:
    series = log.user_series(name)
    end = len(series) if step is None else int(np.searchsorted(series.step, step, side="right"))
    if end:
        yield Row(name, "", "", float(series.value[end - 1]), int(series.step[end - 1]), "logged")


def _scalar_rows(log: RunLog, name: str, step: int, value: Scalar) -> Iterator[Row]:
    yield Row(name, "", "", value.value, step, other_note(value.notes))


def _layer_rows(log: RunLog, name: str, step: int, value: PerLayer) -> Iterator[Row]:
    yield Row(name, NETWORK, "", value.value, step, other_note(value.notes))
    for layer, number in zip(_names(log, len(value.layers)), value.layers, strict=True):
        if number is not None:
            yield Row(name, layer, "", number, step)


def _histogram_rows(log: RunLog, name: str, step: int, value: Histogram1d) -> Iterator[Row]:
    note = other_note(value.notes)
    names = (NETWORK, *_names(log, len(value.layers)))
    parts = zip(names, (value.network, *value.layers), strict=True)
    for layer, counts in parts:
        if counts is None:
            continue
        for entry, count in _counts(value.bins, counts):
            yield Row(name, layer, entry, count, step, note)
            note = ""


def _counts(bins: Bins, counts: Counts1d) -> Iterator[tuple[str, float]]:
    """The entries of a histogram; bins without elements are left out."""
    yield "elements", float(counts.under + int(counts.counts.sum()) + counts.over)
    yield "exactly zero", float(counts.zeros)
    yield "not finite", float(counts.nonfinite)
    yield f"below {bins.low:.4g}", float(counts.under)
    edges = bins.edges()
    for i in np.flatnonzero(counts.counts).tolist():
        yield _between(edges, i), float(counts.counts[i])
    yield f"from {bins.high:.4g}", float(counts.over)


def _between(edges: np.ndarray, i: int) -> str:
    return f"{edges[i]:.4g} to {edges[i + 1]:.4g}"


def _joint_rows(log: RunLog, name: str, step: int, value: Histogram2d) -> Iterator[Row]:
    note = other_note(value.notes)
    columns, rows = _cell_names(value.x), _cell_names(value.y)
    names = (NETWORK, *_names(log, len(value.layers)))
    parts = zip(names, (value.network, *value.layers), strict=True)
    for layer, counts in parts:
        if counts is None:
            continue
        yield Row(name, layer, "elements", float(counts.sum()), step, note)
        note = ""
        for i, j in np.argwhere(counts):
            yield Row(name, layer, f"({columns[i]}, {rows[j]})", float(counts[i, j]), step)


def _cell_names(bins: Bins) -> list[str]:
    """Names of the cells along one side of a joint histogram, those outside included."""
    edges = bins.edges()
    inner = [_between(edges, i) for i in range(bins.count)]
    return [f"below {bins.low:.4g}", *inner, f"from {bins.high:.4g}"]


def _array_rows(log: RunLog, name: str, step: int, value: Arrays) -> Iterator[Row]:
    """Whole arrays in a few numbers; the log has all."""
    summary: dict[str, Callable[[np.ndarray], float]] = {
        "elements": np.size, "mean": np.mean, "standard deviation": np.std,
        "smallest": np.min, "largest": np.max,
    }  # fmt: skip
    for layer, array in zip(_names(log, len(value.layers)), value.layers, strict=True):
        if array is not None and array.size:
            for entry, measure in summary.items():
                yield Row(name, layer, entry, float(measure(array)), step)


def _fact_rows(log: RunLog, name: str, step: int, value: Facts) -> Iterator[Row]:
    """Numbers and flags (1: true); words and lists are no numbers."""
    note = other_note(value.notes)
    for entry, fact in value.facts.items():
        if isinstance(fact, int | float):
            yield Row(name, "", entry, float(fact), step, note)
            note = ""


def _names(log: RunLog, count: int) -> list[str]:
    """Names of the parameters; an attempt with another number of them has none."""
    names = [layer.name for layer in log.layers]
    return names if len(names) == count else [f"parameter {i}" for i in range(count)]


_ROWS: dict[type, Callable[[Any, str, int, Any], Iterator[Row]]] = {
    Scalar: _scalar_rows,
    PerLayer: _layer_rows,
    Histogram1d: _histogram_rows,
    Histogram2d: _joint_rows,
    Arrays: _array_rows,
    Facts: _fact_rows,
}
