"""HessMaxEV, by power iteration and by Lanczos, against the eigenvalues of the full Hessian."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit import Cockpit, RunLog, quantities
from tests.quantities.cases import Case
from tests.quantities.comparison import network_values
from tests.quantities.training import Trained, train

METHODS = ("power", "lanczos")
# The Hessian's eigenvalue of largest magnitude is negative in these.
NEGATIVE = Case(network="saturated", loss="mse")


def _eigenvalues(trained: Trained, step: int) -> torch.Tensor:
    return torch.linalg.eigvalsh(trained.curvature("hessian", step))


def _scale(eigenvalues: torch.Tensor) -> float:
    return float(eigenvalues.abs().max())


CASES = [Case(), Case(network="cnn"), Case(reduction="sum"), Case(dtype=torch.float32), NEGATIVE]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_default_stopping_of_lanczos(tmp_path: Path, case: Case) -> None:
    run = train(case, [quantities.HessMaxEV()], tmp_path, strict=True)
    for step, value in network_values(run.log, "HessMaxEV").items():
        eigenvalues = _eigenvalues(run, step)
        assert value == pytest.approx(float(eigenvalues[-1]), abs=2e-3 * _scale(eigenvalues))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_default_stopping_of_power_iteration(tmp_path: Path, case: Case) -> None:
    """By the thesis's rule it may settle on another eigenvalue than the largest, for a while."""
    run = train(case, [quantities.HessMaxEV(method="power")], tmp_path, strict=True)
    values = network_values(run.log, "HessMaxEV")
    for (step, value), note in zip(values.items(), run.log.notes("HessMaxEV"), strict=True):
        eigenvalues = _eigenvalues(run, step)
        rounding = 1e-6 * _scale(eigenvalues)
        assert value <= float(eigenvalues[-1]) + rounding
        assert float((eigenvalues - value).abs().min()) <= note["residual"] + rounding


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", [Case(), Case(network="cnn"), NEGATIVE], ids=str)
def test_tight_stopping(tmp_path: Path, method: str, case: Case) -> None:
    exact = quantities.HessMaxEV(method=method, max_iterations=5000, rtol=1e-12, atol=1e-14)
    run = train(case, [exact], tmp_path, strict=True)
    for step, value in network_values(run.log, "HessMaxEV").items():
        eigenvalues = _eigenvalues(run, step)
        error = abs(value - float(eigenvalues[-1]))
        assert error <= 1e-6 * _scale(eigenvalues)


def test_the_negative_case_is_one(trained) -> None:
    run = trained(NEGATIVE)
    eigenvalues = _eigenvalues(run, 0)
    assert -eigenvalues[0] > 10 * eigenvalues[-1].abs()


@pytest.mark.parametrize("method", METHODS)
def test_notes(tmp_path: Path, method: str) -> None:
    run = train(Case(), [quantities.HessMaxEV(method=method)], tmp_path, strict=True)
    for note in run.log.notes("HessMaxEV"):
        assert note["method"] == method
        assert 1 <= note["products"] <= 100
        assert note["residual"] >= 0.0


def test_iterations_are_bounded(tmp_path: Path) -> None:
    hasty = quantities.HessMaxEV(method="power", max_iterations=2, rtol=0.0, atol=0.0)
    run = train(Case(), [hasty], tmp_path, strict=True)
    assert all(note["products"] <= 5 for note in run.log.notes("HessMaxEV"))


def test_smallest_eigenvalue_when_it_comes_for_nothing(tmp_path: Path) -> None:
    run = train(NEGATIVE, [quantities.HessMaxEV(method="lanczos")], tmp_path, strict=True)
    for step, note in zip(run.steps, run.log.notes("HessMaxEV"), strict=True):
        smallest = float(_eigenvalues(run, step)[0])
        assert note["min_ev"] == pytest.approx(smallest, rel=1e-2)


class TwoBranches(nn.Module):
    """One that is fitted already, where there is no gradient, and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.fitted, self.other = (
            nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 1)) for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.fitted(x), self.other(x)], 1)


def test_an_eigenvector_without_gradient_that_becomes_the_largest_is_found(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, weight = TwoBranches(), torch.tensor([0.2, 1.0])
    x, y = torch.randn(64, 20), torch.randn(64, 2)
    with torch.no_grad():
        y[:, :1] = model.fitted(x)
    expected = []
    with Cockpit(model, None, None, [quantities.HessMaxEV()], tmp_path, strict=True) as cockpit:
        for step in range(6):
            if step == 3:
                weight[0] = 5.0
            loss = ((model(x) - y).square() * weight).mean()
            expected.append(largest_eigenvalue(loss, list(model.parameters())))
            with cockpit(step, loss=loss):
                loss.backward()
    assert expected[3] > 2 * expected[2]
    assert list(network_values(RunLog(tmp_path), "HessMaxEV").values()) == pytest.approx(
        expected, rel=5e-3
    )


def largest_eigenvalue(loss: torch.Tensor, parameters: list[torch.Tensor]) -> float:
    """From the Hessian itself, row by row."""
    grads = torch.autograd.grad(loss, parameters, create_graph=True)
    flat = torch.cat([g.flatten() for g in grads])
    rows = [
        torch.cat([h.flatten() for h in torch.autograd.grad(g, parameters, retain_graph=True,
                                                            materialize_grads=True)])
        for g in flat
    ]  # fmt: skip
    return float(torch.linalg.eigvalsh(torch.stack(rows).double())[-1])
