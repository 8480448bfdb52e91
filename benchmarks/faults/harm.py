"""Whether a fault did harm: how the run ended, beside the same program's healthy runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults import corpus
from benchmarks.faults.corpus import Run
from benchmarks.faults.injections import Fault
from benchmarks.faults.programs import PROGRAMS
from benchmarks.faults.runner import finished

LEAST_LOSS = 0.05  # of the worst healthy loss
LEAST_ACCURACY = 0.02


class BrokenTwinError(ValueError):
    """A healthy run is missing, or ended by an error: harm cannot be told beside it."""


@dataclass(frozen=True)
class Harm:
    """What became of a run with a fault.

    Attributes:
        measured: Whether it ended clearly worse than all healthy runs of its program.
        wrong: Whether the fault is wrong by definition.
    """

    measured: bool
    wrong: bool

    @property
    def harmful(self) -> bool:
        """Whether it counts."""
        return self.measured or self.wrong


def healthy_ends(runs: Iterable[Run], root: Path) -> dict[str, list[dict[str, Any]]]:
    """How the healthy runs of each program ended, by its name.

    Of programs that have none among ``runs``, all of those of the corpus are looked at.

    Raises:
        BrokenTwinError: If one of them is not finished, is of another recipe, or ended by an error:
            what is judged beside fewer twins, or beside broken ones, is judged otherwise.
    """
    given: dict[str, list[Run]] = {}
    for run in runs:
        given.setdefault(run.program, [])
        if run.fault is None and run.tier == "economy":
            given[run.program].append(run)
    return {
        name: [_healthy_end(run, root) for run in found or corpus.twins(PROGRAMS[name])]
        for name, found in given.items()
    }


def _healthy_end(run: Run, root: Path) -> dict[str, Any]:
    outcome = finished(run.folder(root), run.recipe())
    if outcome is None:
        raise BrokenTwinError(
            f"the healthy run {run.name} is missing or out of date: train it first"
        )
    return sound(run, outcome)


def sound(run: Run, outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a run, which if it is healthy must not have ended by an error.

    Raises:
        BrokenTwinError: If it did: then the program, or Cockpit, is broken.
    """
    if run.fault is None and (outcome["error"] or not outcome["history"]):
        raise BrokenTwinError(f"the healthy run {run.name} ended by an error: {outcome['error']}")
    return outcome


def judge(fault: Fault, outcome: dict[str, Any], twins: Sequence[dict[str, Any]]) -> Harm:
    """Compare a run's end with those of healthy runs of the same program.

    Clearly worse: beyond the worst of them by as much as they differ among themselves, and by at
    least 5 % of the loss or two points of accuracy. A run that ended by an error is worse.

    Raises:
        ValueError: If there is no healthy run.
    """
    return Harm(worse(outcome, twins), fault.wrong)


def worse(outcome: dict[str, Any], twins: Sequence[dict[str, Any]]) -> bool:
    """Whether a run ended clearly worse than all of these."""
    if not twins:
        raise ValueError("got no healthy run to compare with, expected those of the program")
    if outcome["error"] or not outcome["history"]:
        return True
    loss, accuracy = _end(outcome)
    losses, accuracies = zip(*(_end(twin) for twin in twins), strict=True)
    highest = max(losses)
    margin = max(highest - min(losses), LEAST_LOSS * highest)
    if not math.isfinite(loss) or loss > highest + margin:
        return True
    if accuracy is None:
        return False
    lowest = min(accuracies)
    return bool(accuracy < lowest - max(max(accuracies) - lowest, LEAST_ACCURACY))


def _end(outcome: dict[str, Any]) -> tuple[float, float | None]:
    """Loss and accuracy of the last evaluation."""
    _, loss, accuracy = outcome["history"][-1]
    return loss, accuracy
