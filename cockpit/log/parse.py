"""One line of a log -> what it says, whatever it is.

A step line is decoded straight into typed objects that leave histograms and arrays out: they are
most of the text, and only wanted one at a time. What does not fit those types is decoded in full
and read field by field, so that one odd field does not cost the rest of the record.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

MAX_LINE = 32 * 2**20  # bytes; the writer refuses longer lines, the reader skips them
MAX_ODD_LINE = 4 * 2**20  # of lines decoded in full, which takes up to 20 times their size

SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
STORED_KINDS = frozenset({"histogram1d", "histogram2d", "arrays", "facts"})

_STEP_LIMIT = 2**62
_Step = Annotated[int, msgspec.Meta(ge=-_STEP_LIMIT, le=_STEP_LIMIT)]
_BAD_LINE = (ValueError, RecursionError)  # msgspec's errors are ValueErrors


class ValueLine(msgspec.Struct, gc=False):
    """A value without the large parts."""

    kind: str
    value: float | str | None = None
    layers: list[float | str | None] | None = None
    notes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    facts: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class OverheadLine(msgspec.Struct, gc=False):
    """Seconds of the step without tracking, and of tracking; tracking over training so far."""

    step_s: float | str | None = None
    tracking_s: float | str | None = None
    run: float | str | None = None


class StepLine(msgspec.Struct, gc=False, tag="step", tag_field="type"):
    """A step's record without the large parts."""

    step: _Step
    time: float | str = math.nan
    batch_size: _Step | None = None
    lr: list[float | str | None] | None = None
    overhead: OverheadLine | None = None
    values: dict[str, ValueLine] = {}


class _RawStep(msgspec.Struct, gc=False):
    values: dict[str, msgspec.Raw] = {}


_step_decoder = msgspec.json.Decoder(StepLine)
_raw_decoder = msgspec.json.Decoder(_RawStep)
_any_decoder = msgspec.json.Decoder()


def parse_line(line: bytes) -> StepLine | dict[str, Any] | None:
    """What a line says.

    Returns:
        A step's record; or the object of any other type of record, with a ``type`` that is a
        string; or None if the line is damaged.
    """
    try:
        return _step_decoder.decode(line)
    except _BAD_LINE:
        pass
    if len(line) > MAX_ODD_LINE:
        return None
    try:
        record = _any_decoder.decode(line)
    except _BAD_LINE:
        return None
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        return None
    return _odd_step(record) if record["type"] == "step" else record


def parse_value(line: bytes, name: str) -> Any:
    """The whole JSON object of one value of a step's line; None if it is not there."""
    try:
        raw = _raw_decoder.decode(line).values.get(name)
        return None if raw is None else _any_decoder.decode(raw)
    except _BAD_LINE:
        return None


def parse_object(line: bytes) -> dict[str, Any] | None:
    """The whole JSON object of a line or of notes; None if it is damaged or no object."""
    try:
        record = _any_decoder.decode(line)
    except _BAD_LINE:
        return None
    return record if isinstance(record, dict) else None


def as_float(value: Any) -> float | None:
    """A JSON number, or one of the strings that stand for NaN and ±Inf; None for all else."""
    if isinstance(value, str):
        return SPECIAL.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def as_int(value: Any) -> int | None:
    """A JSON integer that fits 63 bits; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _STEP_LIMIT:
        return None
    return value


def as_dict(value: Any) -> dict[str, Any]:
    """A JSON object; an empty one for all else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON array; an empty one for all else."""
    return value if isinstance(value, list) else []


def _odd_step(record: dict[str, Any]) -> StepLine | None:
    """A step's record from an object with fields of unexpected types; those are left out."""
    step = as_int(record.get("step"))
    if step is None:
        return None
    time = as_float(record.get("time"))
    overhead = as_dict(record.get("overhead"))
    values = {name: _odd_value(v) for name, v in as_dict(record.get("values")).items()}
    return StepLine(
        step=step,
        time=math.nan if time is None else time,
        batch_size=as_int(record.get("batch_size")),
        lr=[as_float(x) for x in as_list(record.get("lr"))] or None,
        overhead=OverheadLine(*(as_float(overhead.get(k)) for k in OverheadLine.__struct_fields__)),
        values={name: v for name, v in values.items() if v is not None},
    )


def _odd_value(value: Any) -> ValueLine | None:
    fields = as_dict(value)
    if not isinstance(fields.get("kind"), str):
        return None
    layers = fields.get("layers")
    notes, facts = fields.get("notes"), fields.get("facts")
    return ValueLine(
        kind=fields["kind"],
        value=as_float(fields.get("value")),
        layers=[as_float(x) for x in layers] if isinstance(layers, list) else None,
        notes=_raw(notes) if isinstance(notes, dict) else msgspec.UNSET,
        facts=_raw(facts) if isinstance(facts, dict) else msgspec.UNSET,
    )


def _raw(fields: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(fields))
