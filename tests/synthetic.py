"""Synthetic runs for tests: the package's own generator, and single values of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cockpit.log.record import Layer, Value
from cockpit.synthetic import QUANTITIES, Course, Training, make_layers, write_run
from cockpit.synthetic.histograms import BINS
from cockpit.synthetic.stretch import BATCH_SIZE
from cockpit.synthetic.training import START

__all__ = [
    "BATCH_SIZE", "BINS", "QUANTITIES", "START", "make_header", "make_layers", "make_values",
    "write_run",
]  # fmt: skip


def make_header(
    layers: tuple[Layer, ...], names: Iterable[str], time: float = START
) -> dict[str, Any]:
    """The header of a run of the usual course."""
    return Training(Course(), layers, names).header(time)


def make_values(
    step: int, layers: tuple[Layer, ...], names: Iterable[str], *, steps: int = 200, seed: int = 0
) -> dict[str, Value]:
    """The values of the quantities that are due at ``step``, as :func:`write_run` writes them."""
    return Training(Course(steps, seed), layers, names).values(step)
