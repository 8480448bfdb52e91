"""Reads a quantity from a log and compares it with its reference."""

from __future__ import annotations

import math

import numpy as np
import torch

from cockpit.log import RunLog
from tests.references import PerParameter

RTOL = {torch.float64: 1e-6, torch.float32: 1e-3}


def network_values(log: RunLog, name: str) -> dict[int, float]:
    """The network-wide values by step."""
    series = log.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def layer_values(log: RunLog, name: str) -> dict[int, dict[str, float]]:
    """The values by step and parameter name; absent ones are NaN."""
    steps, values = log.layer_series(name)
    names = [layer.name for layer in log.layers]
    return {
        int(step): dict(zip(names, row.tolist(), strict=True))
        for step, row in zip(steps, values, strict=True)
    }


def deviation(measured: float, expected: float, floor: float = 0.0) -> float:
    """|measured − expected| / |expected|; 0 for equal infinities, both NaN, or both below floor."""
    if math.isnan(expected) or math.isinf(expected):
        same = math.isnan(measured) if math.isnan(expected) else measured == expected
        return 0.0 if same else math.inf
    if max(abs(measured), abs(expected)) <= floor:
        return 0.0
    if expected == 0.0:
        return math.inf
    relative = abs(measured - expected) / abs(expected)
    return math.inf if math.isnan(relative) else relative


def worst_deviation(
    log: RunLog, name: str, step: int, expected: float | PerParameter, floor: float = 0.0
) -> float:
    """The largest relative deviation at one step, network-wide and over the parameters."""
    network = expected.network if isinstance(expected, PerParameter) else expected
    worst = deviation(network_values(log, name)[step], network, floor)
    if isinstance(expected, PerParameter):
        layers = layer_values(log, name)[step]
        for layer, value in layers.items():
            wanted = expected.layers.get(layer, np.nan)
            worst = max(worst, deviation(value, wanted, floor))
    return worst
