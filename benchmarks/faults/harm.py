"""Whether a fault did harm: how the run ended, beside the same program's healthy runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.injections import Fault

LEAST_LOSS = 0.05  # of the worst healthy loss
LEAST_ACCURACY = 0.02


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


def judge(fault: Fault, outcome: dict[str, Any], twins: Sequence[dict[str, Any]]) -> Harm:
    """Compare a run's end with those of healthy runs of the same program.

    Clearly worse: beyond the worst of them by as much as they differ among themselves, and by at
    least 5 % of the loss or two points of accuracy.
    """
    return Harm(worse(outcome, twins), fault.wrong)


def worse(outcome: dict[str, Any], twins: Sequence[dict[str, Any]]) -> bool:
    """Whether a run ended clearly worse than all of these."""
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
