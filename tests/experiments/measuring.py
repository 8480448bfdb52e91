"""An experiment's quick form, from training to figure."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from examples.experiments.gallery import QUICK, Runs


def measured(experiment: ModuleType, runs: Runs) -> Any:
    """What the quick form measures; it can be drawn, and says something of each claim."""
    results = experiment.measure(QUICK, runs)
    assert experiment.draw(results).axes
    assert all(claim.text and claim.found for claim in experiment.claims(results))
    return results
