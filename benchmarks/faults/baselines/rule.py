"""What the rules are given, and what they give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults.measures import NAME


@dataclass(frozen=True)
class Alarm:
    """A rule found its symptom.

    Attributes:
        step: When.
        rule: Its name.
    """

    step: int
    rule: str


@dataclass(frozen=True)
class Evidence:
    """What is known of a run besides its log.

    Attributes:
        losses: Of the mini-batch, at each step.
        accuracies: The same; None where there are no classes.
        steps: What was measured at the tracked steps, see ``measures``.
        history: Step, loss and accuracy on the validation data.
        images: Whether inputs are pictures.
        planned: How many steps were planned.
        begin: The step at which the run was broken: rules are looked at anew from there.
    """

    losses: list[float]
    accuracies: list[float | None]
    steps: list[dict[str, Any]]
    history: list[tuple[int, float, float | None]]
    images: bool
    planned: int
    begin: int = 0

    @classmethod
    def of(
        cls, folder: Path, outcome: dict[str, Any], *, images: bool, planned: int, begin: int = 0
    ) -> Evidence:
        """Of a finished run."""
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        history = [(step, loss, accuracy) for step, loss, accuracy in outcome["history"]]
        measured = found["losses"], found["accuracies"], found["steps"]
        return cls(*measured, history, images, planned, begin)

    def between(self, values: list[Any], first: int, last: int) -> float:
        """Mean of a step's values after step ``first`` up to step ``last``."""
        chosen = [value for value in values[first + 1 : last + 1] if value is not None]
        return sum(chosen) / len(chosen) if chosen else float("nan")
