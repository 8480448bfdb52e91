"""What lamps take from the lines of a log, and what a log says of lamps.

The lamps of a run that goes on are fed with the same lines as those of its log afterwards, so both
see the same digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from cockpit.lamps.board import Change
from cockpit.lamps.course import StepView
from cockpit.log.codec import decode_value
from cockpit.log.columns import to_float
from cockpit.log.parse import SPECIAL, StepLine, ValueLine, as_dict, as_float, as_int, parse_object
from cockpit.log.record import Facts, PerLayer, Scalar, Value

__all__ = ["fields_of", "names_of", "numbers_of", "view_of"]

_SPECIAL = [word.encode() for word in SPECIAL]


def view_of(line: StepLine) -> StepView:
    """A tracked step as lamps see it; histograms and whole arrays are left out.

    Args:
        line: A step's line of the log.
    """
    values = {name: _typed(value) for name, value in line.values.items()}
    overhead = line.overhead
    return StepView.of(
        line.step,
        {name: value for name, value in values.items() if value is not None},
        time=to_float(line.time),
        batch_size=line.batch_size,
        lr=tuple(to_float(rate) for rate in line.lr or ()),
        seconds=math.nan if overhead is None else to_float(overhead.step_s),
    )


def names_of(line: StepLine) -> Iterator[str]:
    """Names of the values and facts of a tracked step, as its view has them; much faster.

    Args:
        line: A step's line of the log.
    """
    for name, value in line.values.items():
        if value.kind == "facts":
            typed = _facts(value)
            yield from typed.facts if isinstance(typed, Facts) else ()
        elif value.kind in ("scalar", "per_layer") and value.value is not None:
            yield name


def numbers_of(record: Mapping[str, Any]) -> tuple[int, dict[str, float]] | None:
    """Step and numbers of what the training loop logged; ``None`` if the line is damaged.

    Args:
        record: A ``user`` line of the log.
    """
    step = as_int(record.get("step"))
    if step is None:
        return None
    found = {name: as_float(value) for name, value in as_dict(record.get("values")).items()}
    return step, {name: value for name, value in found.items() if value is not None}


def fields_of(change: Change) -> dict[str, Any]:
    """What a ``lamp`` line of the log says of a change, but its step and time.

    Args:
        change: Of a lamp.
    """
    episode = change.episode
    reading, suggestion = episode.reading, episode.reading.suggestion
    return {
        "lamp": episode.lamp,
        "state": change.state,
        "level": episode.level,
        "since": episode.since,
        "evidence": reading.evidence,
        "numbers": dict(reading.numbers),
        "layers": list(reading.layers),
        "cause": episode.cause,
        "suggestion": None if suggestion is None else asdict(suggestion),
    }


def _typed(value: ValueLine) -> Value | None:
    if value.kind == "facts":
        return _facts(value)
    if value.kind not in ("scalar", "per_layer") or value.value is None:
        return None
    number, notes = to_float(value.value), as_dict(_object(value.notes))
    if value.kind == "scalar":
        return Scalar(number, notes)
    layers = (None if x is None else to_float(x) for x in value.layers or ())
    return PerLayer(number, tuple(layers), notes)


def _facts(value: ValueLine) -> Value | None:
    raw = b"" if isinstance(value.facts, msgspec.UnsetType) else bytes(value.facts)
    facts = parse_object(raw)
    if facts is not None and not any(word in raw for word in _SPECIAL):
        return Facts(facts)  # nothing in it stands for something else
    try:
        return decode_value({"kind": "facts", "facts": facts})
    except ValueError:  # the line is damaged there
        return None


def _object(raw: msgspec.Raw | msgspec.UnsetType) -> dict[str, Any] | None:
    return None if isinstance(raw, msgspec.UnsetType) else parse_object(bytes(raw))
