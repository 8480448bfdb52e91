"""Full curvature matrices against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.references import (
    ggn,
    hess_max_ev,
    hess_trace,
    hessian,
    individual_gradients,
    layer_slices,
    tic_diag,
    tic_trace,
)

N, FEATURES = 6, 3


def _data(classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(N, FEATURES, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (N,), generator=generator)


def _network(activation: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(FEATURES, 4), activation, nn.Linear(4, 3)).double()


def test_linear_regression() -> None:
    x, _ = _data(2)
    model, y = nn.Linear(FEATURES, 1, bias=False).double(), torch.randn(N, 1).double()
    expected = 2 / N * x.T @ x
    for matrix in (hessian, ggn):
        torch.testing.assert_close(matrix(model, nn.MSELoss(), x, y), expected)
        summed = nn.MSELoss(reduction="sum")
        torch.testing.assert_close(matrix(model, summed, x, y), expected)


def test_logistic_regression() -> None:
    x, labels = _data(2)
    model = nn.Linear(FEATURES, 1, bias=False).double()
    y = labels.double().unsqueeze(1)
    p = torch.sigmoid(model(x)).detach()
    expected = (p * (1 - p) * x).T @ x / N
    for matrix in (hessian, ggn):
        torch.testing.assert_close(matrix(model, nn.BCEWithLogitsLoss(), x, y), expected)


def test_hessian_is_the_mean_over_samples() -> None:
    x, y = _data(3)
    model = _network(nn.Sigmoid())
    loss_fn = nn.CrossEntropyLoss()
    rows = [hessian(model, loss_fn, x[n : n + 1], y[n : n + 1]) for n in range(N)]
    torch.testing.assert_close(hessian(model, loss_fn, x, y), torch.stack(rows).mean(0))


def test_piecewise_linear_networks_have_equal_diagonals() -> None:
    x, y = _data(3)
    loss_fn = nn.CrossEntropyLoss(reduction="sum")
    relu, sigmoid = _network(nn.ReLU()), _network(nn.Sigmoid())
    left, right = hessian(relu, loss_fn, x, y), ggn(relu, loss_fn, x, y)
    torch.testing.assert_close(left.diagonal(), right.diagonal())
    assert not torch.allclose(left, right)
    assert not torch.allclose(
        hessian(sigmoid, loss_fn, x, y).diagonal(), ggn(sigmoid, loss_fn, x, y).diagonal()
    )


def test_frozen_parameters_have_no_rows() -> None:
    x, y = _data(3)
    model = _network(nn.ReLU())
    model[0].weight.requires_grad_(False)
    slices = layer_slices(model)
    assert list(slices) == ["0.bias", "2.weight", "2.bias"]
    for matrix in (hessian, ggn):
        assert matrix(model, nn.CrossEntropyLoss(), x, y).shape == (19, 19)


def test_traces_and_tic() -> None:
    matrix = torch.diag(torch.tensor([4.0, -1.0, 2.0], dtype=torch.float64))
    slices = {"a": slice(0, 2), "b": slice(2, 3)}
    gradients = {"a": torch.tensor([[1.0, 2.0], [3.0, 0.0]]), "b": torch.tensor([[2.0], [2.0]])}
    trace = hess_trace(matrix, slices)
    assert trace.network == 5.0
    assert trace.layers == {"a": 3.0, "b": 2.0}
    # Second moments: (1 + 9)/2, (4 + 0)/2, (4 + 4)/2.
    assert tic_trace(gradients, trace.network) == pytest.approx(11 / 5)
    tic = tic_diag(gradients, matrix, slices, epsilon=0.5)
    assert tic.layers == pytest.approx({"a": 5 / 4 + 2 / 0.5, "b": 4 / 2})
    assert tic.network == pytest.approx(7.25)


def test_largest_algebraic_eigenvalue() -> None:
    assert hess_max_ev(torch.diag(torch.tensor([-9.0, 1.0, 3.0]))) == pytest.approx(3.0)


def test_second_moment_of_a_well_specified_model_is_its_fisher() -> None:
    # For cross-entropy E_{y~p}[g gᵀ] is the GGN: averaging over all labels by their probability.
    x, _ = _data(3)
    model, sample = _network(nn.Sigmoid()), x[:1]
    p = model(sample).softmax(1).detach()[0]
    fisher = torch.zeros(31, 31, dtype=torch.float64)
    for label in range(3):
        grads = individual_gradients(model, nn.CrossEntropyLoss(), sample, torch.tensor([label]))
        g = torch.cat([v.flatten() for v in grads.values()])
        fisher += p[label] * torch.outer(g, g)
    torch.testing.assert_close(ggn(model, nn.CrossEntropyLoss(), sample, torch.tensor([0])), fisher)
