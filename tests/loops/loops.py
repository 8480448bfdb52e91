"""What the tests of training loops share: small models, and what a naive loop says of a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities
from tests import references

NAMES = (
    *("Loss", "GradNorm", "NormTest", "InnerTest", "OrthoTest", "GradHist1d", "GradHist2d"),
    *("MeanGSNR", "CABS", "EarlyStopping", "UpdateSize", "Distance", "Alpha"),
)


def mlp(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


def batch(seed: int, size: int = 8, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 5, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(0, 3, (size,), generator=generator)


def every_quantity() -> list[Any]:
    """All first-order quantities, and curvature by exact methods."""
    chosen = [getattr(quantities, name)() for name in NAMES]
    return [*chosen, quantities.HessTrace(curvature="ggn"), quantities.TICDiag(curvature="ggn")]


class NoCockpit:
    """Stands in the loop where a cockpit would, and does nothing."""

    def __call__(self, step: int, **_: Any) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()

    def close(self) -> None:
        pass


def start(
    model: nn.Module, folder: Path | None, lr: float = 0.3, **options: Any
) -> tuple[Any, torch.optim.Optimizer, nn.Module]:
    """A strict cockpit (none without a folder), the optimizer and the loss function."""
    optimizer = options.pop("optimizer", None) or torch.optim.SGD(model.parameters(), lr=lr)
    loss_fn = options.pop("loss_fn", None) or nn.CrossEntropyLoss()
    if folder is None:
        return NoCockpit(), optimizer, loss_fn
    options = {"config": every_quantity(), "strict": True, **options}
    return Cockpit(model, loss_fn, optimizer, logdir=folder, **options), optimizer, loss_fn


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
    """Both logs say the same."""
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        if isinstance(values, dict):
            assert got[name].keys() == values.keys(), name
            left, right = list(got[name].values()), list(values.values())
        else:
            left, right = got[name], values
        np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-12, err_msg=str(name))


def norm_test(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """By a loop over the samples."""
    gradients = references.individual_gradients(model, nn.CrossEntropyLoss(), x, y)
    return references.norm_test(gradients).network
