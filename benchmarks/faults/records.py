"""A run's log as the lamps see it, whole or with something left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.lamps import StepView
from cockpit.lamps.lines import numbers_of, view_of
from cockpit.log.attempts import clean_header
from cockpit.log.parse import StepLine, parse_line
from cockpit.log.writer import LOG_NAME

INDIVIDUAL = frozenset({
    "Alpha", "CABS", "EarlyStopping", "GradHist1d", "GradHist2d", "InnerTest", "MeanGSNR",
    "NormTest", "OrthoTest", "TICDiag", "TICTrace",
})  # fmt: skip
"""Quantities that need individual gradients. No fact does: the mean gradient and an ordinary hook
give those of gradients and units as well."""
CURVATURE = frozenset({"HessMaxEV", "HessTrace", "TICDiag", "TICTrace"})

Keep = Callable[[str], bool]


def everything(name: str) -> bool:
    return True


def without_individual(name: str) -> bool:
    """All but what needs individual gradients."""
    return name not in INDIVIDUAL


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
    entries: list[StepView | tuple[int, dict[str, float]]]

    @property
    def tracked(self) -> list[int]:
        """The tracked steps."""
        return [entry.step for entry in self.entries if isinstance(entry, StepView)]


def read(folder: Path) -> Log:
    """The log of a run that had one attempt."""
    header: dict[str, Any] = {}
    entries: list[StepView | tuple[int, dict[str, float]]] = []
    for line in (folder / LOG_NAME).read_bytes().splitlines():
        record = parse_line(line)
        if isinstance(record, StepLine):
            entries.append(view_of(record))
        elif record is not None and record["type"] == "header":
            header = clean_header(record, folder.name)
        elif record is not None and (numbers := numbers_of(record)) and record["type"] == "user":
            entries.append(numbers)
    return Log(header, entries)


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
