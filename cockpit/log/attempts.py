"""A run's attempts: which records count, and when they were made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from cockpit.log.columns import Records
from cockpit.log.parse import as_dict, as_float, as_int, as_list
from cockpit.log.record import SCHEMA_VERSION, Layer


@dataclass
class Attempt:
    """What one header began.

    Attributes:
        header: The header, with every documented field, of the documented type.
        first_rows: Row of its first record among the step records, and among the user's.
        first_step: Number of its first tracked step; None before that.
        last_time: Latest time in it, seconds since its header.
        end: Its end record, if there is one.
    """

    header: dict[str, Any]
    first_rows: tuple[int, int] = (0, 0)
    first_step: int | None = None
    last_time: float = 0.0
    end: dict[str, Any] | None = None
    layers: tuple[Layer, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.layers = tuple(_layer(x, i) for i, x in enumerate(self.header["layers"]))

    def saw(self, time: float) -> None:
        """Note the time of a record."""
        if time > self.last_time and math.isfinite(time):
            self.last_time = time


def clean_header(record: dict[str, Any], name: str) -> dict[str, Any]:
    """A header in which every documented field is there and of its type; others are kept.

    Args:
        record: The header as it was read.
        name: Name of the run if the header gives none.
    """
    header = dict(record)
    run = header.get("run")
    header["run"] = run if isinstance(run, str) and run else name
    for key in ("schema", "attempt"):
        header[key] = as_int(header.get(key)) or 0
    header["time"] = as_float(header.get("time")) or 0.0
    for key in ("config", "environment"):
        header[key] = as_dict(header.get(key))
    optimizer = as_dict(header.get("optimizer"))
    groups = [as_dict(group) for group in as_list(optimizer.get("groups"))]
    header["optimizer"] = {**optimizer, "name": str(optimizer.get("name", "")), "groups": groups}
    quantities = as_dict(header.get("quantities"))
    header["quantities"] = {str(key): as_dict(value) for key, value in quantities.items()}
    header["layers"] = [as_dict(layer) for layer in as_list(header.get("layers"))]
    header["reduction"] = str(header.get("reduction") or "")
    return header


def schema_caution(header: dict[str, Any]) -> str | None:
    """What a reader must be told about the header's schema version, if anything."""
    if header["schema"] <= SCHEMA_VERSION:
        return None
    return (
        f"The log has schema {header['schema']}; this version of Cockpit knows schema "
        f"{SCHEMA_VERSION} and leaves out what it does not know. Update Cockpit to see all."
    )


def _layer(fields: dict[str, Any], index: int) -> Layer:
    sizes = tuple(as_int(n) for n in as_list(fields.get("shape")))
    return Layer(
        name=str(fields.get("name", f"layer {index}")),
        shape=tuple(n for n in sizes if n is not None and n >= 0),
        module=str(fields.get("module", "")),
        module_type=str(fields.get("module_type", "")),
        trainable=fields.get("trainable") is not False,
    )


def bounds(attempts: list[Attempt]) -> list[float]:
    """For each attempt the step from which on later attempts supersede it (inf: never)."""
    found: list[float] = []
    bound = math.inf
    for attempt in reversed(attempts):
        found.append(bound)
        if attempt.first_step is not None:
            bound = min(bound, attempt.first_step)
    return found[::-1]


def spans(attempts: list[Attempt], table: int, count: int) -> list[slice]:
    """Rows of each attempt in a table of ``count`` records (0: steps, 1: the user's)."""
    starts = [attempt.first_rows[table] for attempt in attempts] + [count]
    return [slice(a, b) for a, b in pairwise(starts)]


def is_alive(attempts: list[Attempt], table: int, step: np.ndarray) -> np.ndarray:
    """Which records are not superseded; bool, shape of ``step``."""
    alive = np.ones(step.shape, dtype=bool)
    for rows, bound in zip(spans(attempts, table, step.size), bounds(attempts), strict=True):
        alive[rows] = step[rows] < bound
    return alive


def time_offsets(attempts: list[Attempt], records: Records) -> list[float]:
    """Seconds to add to the times of each attempt, so that a resumed run goes on where it was.

    An attempt begins at the time of the last step before it that still counts.
    """
    step, time = records.step.view, records.time.view
    alive = is_alive(attempts, 0, step) & np.isfinite(time)
    offsets, latest = [], 0.0
    for rows in spans(attempts, 0, step.size):
        offsets.append(latest)
        counted = time[rows][alive[rows]]
        if counted.size:
            latest += max(0.0, float(counted.max()))
    return offsets
