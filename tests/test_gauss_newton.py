"""The Gauss-Newton trace of whole models, against its definition."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import quantities
from tests.sequences import Attention, Language, Recurrent, Vision, sequences
from tests.training import Training, batch


def trace_of(model: nn.Module, x: Tensor) -> float:
    """(1/N) Σₙ tr(Jₙᵀ Hₙ Jₙ) of cross-entropy, from one row of the Jacobian at a time."""
    logits = model(x)
    probabilities = logits.detach().softmax(1)
    total = 0.0
    for p, outputs in zip(probabilities, logits, strict=True):
        rows = [
            torch.autograd.grad(
                output, list(model.parameters()), retain_graph=True, materialize_grads=True
            )
            for output in outputs
        ]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        hessian = p.diag() - p.outer(p)
        total += float((jacobian.T @ hessian @ jacobian).trace())
    return total / len(x)


@pytest.mark.parametrize(
    "make",
    [Attention, partial(Attention, batch_first=False), Vision, Language, Recurrent],
    ids=["attention", "positions first", "vision", "language", "recurrent"],
)
def test_the_trace_is_exact(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = [quantities.HessTrace(curvature="ggn"), quantities.GradNorm()]
    training = Training(tmp_path, make().double(), batches=sequences, config=config)
    training.differentiate(0)
    expected = trace_of(training.model, sequences(0)[0])
    assert training.close().series("HessTrace").value[0] == pytest.approx(expected, rel=1e-6)


def test_the_trace_of_coupled_samples_is_unbiased(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)).double()
    expected = trace_of(model, batch(0)[0])
    config = [quantities.HessTrace(samples=3000), quantities.GradNorm()]
    training = Training(tmp_path, model, config=config)
    training.differentiate(0)
    assert training.close().series("HessTrace").value[0] == pytest.approx(expected, rel=0.1)


def test_the_exact_trace_of_coupled_samples_is_absent(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)).double()
    config = [quantities.HessTrace(curvature="ggn"), quantities.Loss()]
    training = Training(tmp_path, model, config=config)
    training.differentiate(0)
    log = training.close()
    assert log.quantities == ("Loss",)
    assert any("couple the samples" in event["message"] for event in log.events)


def test_the_trace_for_a_loss_of_two_outputs_is_absent(tmp_path: Path) -> None:
    class Two(nn.Linear):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(x).chunk(2, 1)

    def loss_fn(output: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        mean, scale = output
        return mean.square().mean() + 3 * scale.square().mean()

    config = [quantities.HessTrace(curvature="ggn"), quantities.GradNorm()]
    training = Training(tmp_path, Two(5, 4).double(), loss_fn, config=config)
    training.differentiate(0, loss=lambda loss: loss)
    log = training.close()
    assert log.quantities == ("GradNorm",)
    assert any("another way" in event["message"] for event in log.events)
