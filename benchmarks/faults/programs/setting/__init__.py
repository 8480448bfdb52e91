"""The programs that thresholds may be set by."""

from __future__ import annotations

from benchmarks.faults.programs.program import Program
from benchmarks.faults.programs.setting import convolutional, dense, numbers, sequences


def programs() -> list[Program]:
    """All of them."""
    return [
        program
        for part in (dense, convolutional, sequences, numbers)
        for program in part.programs()
    ]
