"""Whether two trainings did the same, and whether two logs say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cockpit import RunLog

__all__ = ["assert_equal", "assert_inert", "assert_same_logs", "numbers", "traces"]


def traces(model: nn.Module, *optimizers: Any) -> list[Tensor]:
    """What a training leaves behind: state, gradients, random numbers."""
    grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    moments = [
        value.clone()
        for optimizer in optimizers
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, Tensor)
    ]
    states = [value.clone() for value in model.state_dict().values()]
    return [*states, *grads, *moments, torch.random.get_rng_state()]


def assert_inert(run: Callable[[Path | None], list[Tensor]], folder: Path) -> None:
    """The same bits with a cockpit in the loop as without."""
    for one, other in zip(run(None), run(folder), strict=True):
        assert torch.equal(one, other)


def numbers(folder: Path) -> dict[str, Any]:
    """All that a log says of its quantities but the time: numbers, layers, counts."""
    log, found = RunLog(folder), {}
    for name in set(log.quantities) - {"Time"}:
        if name.startswith("GradHist"):
            for step in log.histogram_steps(name).tolist():
                found[name, step] = _counts(log.histogram(name, step)[1])
            continue
        series = log.series(name)
        found[name] = dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
        found[name, "layers"] = log.layer_series(name)[1]
    return found


def _counts(histogram: Any) -> np.ndarray:
    network = histogram.network
    return network if isinstance(network, np.ndarray) else network.counts


def assert_equal(got: dict[str, Any], expected: dict[str, Any], rtol: float = 1e-9) -> None:
    """Both logs have these numbers."""
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        if isinstance(values, dict):
            assert got[name].keys() == values.keys(), name
            left, right = list(got[name].values()), list(values.values())
        else:
            left, right = got[name], values
        np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-12, err_msg=str(name))


def assert_same_logs(one: Path, other: Path, rtol: float = 1e-9) -> None:
    """Both logs say the same."""
    assert_equal(numbers(one), numbers(other), rtol)
