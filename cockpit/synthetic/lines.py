"""Step records of a made-up training as JSON lines, a block at a time.

Writes what :class:`~cockpit.log.LogWriter` would write for the same values, byte for byte (tested),
some thirty times as fast: a million steps take seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from cockpit.log.codec import LAYER_DIGITS, NETWORK_DIGITS, encode_value, number
from cockpit.synthetic.quantities import STEP_S, TRACKING_S
from cockpit.synthetic.stretch import BATCH_SIZE, Column
from cockpit.synthetic.training import BLOCK, Training

FIRST_STEP_S = 0.5  # seconds from the header to the first step

_encoder = msgspec.json.Encoder()


def block_lines(training: Training, steps: range, first: int) -> bytes:
    """The records of steps that lie in one block.

    Args:
        training: What is made up.
        steps: Consecutive steps, all of one block.
        first: The first step of the attempt, from which time counts.
    """
    block = steps.start // BLOCK
    values: list[dict[str, Any]] = [{} for _ in steps]
    columns = training.columns(block)
    rates = training.course.rates(np.arange(steps.start, steps.stop)).tolist()
    for name in training.recipes:
        if name in columns:
            due, column = columns[name]
            inside = np.flatnonzero((due >= steps.start) & (due < steps.stop))
            encoded = _encoded(column, inside)
            for step, value in zip(due[inside].tolist(), encoded, strict=True):
                values[step - steps.start][name] = value
    for step, found in zip(steps, values, strict=True):
        if stored := training.stored(step):
            found.update({name: encode_value(value) for name, value in stored.items()})
            values[step - steps.start] = {n: found[n] for n in training.recipes if n in found}
    overhead = {"step_s": number(STEP_S, LAYER_DIGITS), "tracking_s": number(TRACKING_S)}
    records = [
        {
            "type": "step",
            "step": step,
            "time": time_of(step - first),
            "batch_size": BATCH_SIZE,
            "lr": [rate],
            "overhead": overhead,
            "values": found,
        }
        for step, rate, found in zip(steps, rates, values, strict=True)
    ]
    return _encoder.encode_lines(records)


def time_of(row: int) -> float:
    """Seconds since the header at which an attempt's step of this number is recorded."""
    return round(FIRST_STEP_S + (row + 1) * (STEP_S + TRACKING_S), 6)


def _encoded(column: Column, rows: np.ndarray) -> list[dict[str, Any]]:
    """The JSON objects of some rows of a column."""
    numbers = json_numbers(column.values[rows], NETWORK_DIGITS)
    if column.layers is None:
        encoded: list[dict[str, Any]] = [{"kind": "scalar", "value": x} for x in numbers]
    else:
        layers = json_numbers(column.layers[rows], LAYER_DIGITS)
        encoded = [
            {"kind": "per_layer", "value": x, "layers": row}
            for x, row in zip(numbers, layers, strict=True)
        ]
    if column.notes:
        for row, value in zip(rows.tolist(), encoded, strict=True):
            if notes := column.notes_at(row):
                value["notes"] = notes
    return encoded


def json_numbers(values: np.ndarray, digits: int) -> list[Any]:
    """As :func:`cockpit.log.codec.number`, for whole arrays; nested lists of their shape."""
    finite = np.isfinite(values)
    if not finite.all():
        listed = values.tolist()
        if values.ndim == 1:
            return [number(x, digits) for x in listed]
        return [[number(x, digits) for x in row] for row in listed]
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(size, out=np.zeros_like(size), where=size > 0))
    shift = digits - 1 - exponent
    up, down = 10.0 ** np.maximum(shift, 0), 10.0 ** np.maximum(-shift, 0)
    rounded: list[Any] = (np.round(values * up / down) / up * down).tolist()
    return rounded
