"""All faults: each a small function that breaks one thing of a program that is sound otherwise."""

from __future__ import annotations

from benchmarks.faults.injections import (
    architecture,
    data,
    labels,
    learning_rates,
    losses,
    optimizers,
    units,
)
from benchmarks.faults.injections.fault import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]

_MODULES = (architecture, data, labels, learning_rates, losses, optimizers, units)
