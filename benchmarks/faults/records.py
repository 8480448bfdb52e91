"""A run's log as the lamps see it, whole or with something left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cockpit.lamps import StepView
from cockpit.log.codec import decode_value

READ = ("scalar", "per_layer", "facts")  # kinds of values that a lamp may read
INDIVIDUAL = frozenset({
    "Alpha", "CABS", "EarlyStopping", "GradHist1d", "GradHist2d", "InnerTest", "MeanGSNR",
    "NormTest", "OrthoTest", "TICDiag", "TICTrace",
})  # fmt: skip
"""Quantities that need individual gradients."""
INDIVIDUAL_FACTS = ("units.", "gradient.scale", "gradient.cosine", "gradient.before")
"""Facts that do: their names begin so."""
CURVATURE = frozenset({"HessMaxEV", "HessTrace", "TICDiag", "TICTrace"})

Keep = Callable[[str], bool]


def everything(name: str) -> bool:
    return True


def without_individual(name: str) -> bool:
    """All but what needs individual gradients."""
    return name not in INDIVIDUAL and not name.startswith(INDIVIDUAL_FACTS)


def without_curvature(name: str) -> bool:
    """All but what needs second derivatives."""
    return name not in CURVATURE


@dataclass(frozen=True)
class Log:
    """A finished run.

    Attributes:
        header: Of its log.
        entries: Tracked steps, and (step, values) of what the loop logged, in their order.
    """

    header: dict[str, Any]
    entries: list[StepView | tuple[int, dict[str, Any]]]

    @property
    def tracked(self) -> list[int]:
        """The tracked steps."""
        return [entry.step for entry in self.entries if isinstance(entry, StepView)]


def read(folder: Path) -> Log:
    """The log of a run that had one attempt."""
    header: dict[str, Any] = {}
    entries: list[StepView | tuple[int, dict[str, Any]]] = []
    for line in (folder / "log.jsonl").read_bytes().splitlines():
        record = msgspec.json.decode(line)
        if record["type"] == "header":
            header = record
        elif record["type"] == "step":
            entries.append(_view(record))
        elif record["type"] == "user":
            entries.append((record["step"], record["values"]))
    if header.get("planned_steps") is None:  # as long as Cockpit does not write it
        header["planned_steps"] = (header.get("about") or {}).get("planned_steps")
    return Log(header, entries)


def _view(record: Mapping[str, Any]) -> StepView:
    values = {
        name: decode_value(value)
        for name, value in record["values"].items()
        if value["kind"] in READ
    }
    overhead = record.get("overhead") or {}
    return StepView.of(
        record["step"],
        {name: value for name, value in values.items() if value is not None},
        time=float(record.get("time", "nan")),
        batch_size=record.get("batch_size"),
        lr=tuple(float(lr) for lr in record.get("lr") or ()),
        seconds=float(overhead.get("step_s", "nan")),
    )


def kept(view: StepView, keep: Keep) -> StepView:
    """The same step with fewer quantities and facts."""
    if keep is everything:
        return view

    def part(given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if keep(name)}

    return StepView(
        view.step,
        view.time,
        view.batch_size,
        view.lr,
        part(view.values),
        part(view.layers),
        part(view.notes),
        part(view.facts),
        view.seconds,
    )
