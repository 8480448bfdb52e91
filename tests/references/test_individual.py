"""The per-sample loop against derivatives worked out by hand, and against torch's own batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.references import batch_objective, individual_gradients, individual_losses

N, FEATURES, CLASSES = 5, 3, 4


@pytest.fixture(autouse=True)
def _double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _weights() -> Tensor:
    return torch.tensor([0.5, 2.0, 1.0, 3.0])


def _ignoring() -> tuple[nn.Module, Tensor]:
    return nn.CrossEntropyLoss(ignore_index=2), torch.tensor([0, 2, 1, 3, 2])


INDICES = torch.tensor([0, 2, 1, 3, 2])
LOSSES = {
    "cross entropy": lambda: (nn.CrossEntropyLoss(), INDICES),
    "sum": lambda: (nn.CrossEntropyLoss(reduction="sum"), INDICES),
    "class weights": lambda: (nn.CrossEntropyLoss(weight=_weights()), INDICES),
    "weights, sum": lambda: (nn.CrossEntropyLoss(weight=_weights(), reduction="sum"), INDICES),
    "smoothing": lambda: (nn.CrossEntropyLoss(label_smoothing=0.1), INDICES),
    "both": lambda: (nn.CrossEntropyLoss(weight=_weights(), label_smoothing=0.1), INDICES),
    "ignore_index": _ignoring,
    "probabilities": lambda: (nn.CrossEntropyLoss(), torch.rand(N, CLASSES).softmax(1)),
    "mse": lambda: (nn.MSELoss(), torch.rand(N, CLASSES)),
    "mse, sum": lambda: (nn.MSELoss(reduction="sum"), torch.rand(N, CLASSES)),
    "bce": lambda: (nn.BCEWithLogitsLoss(), torch.rand(N, CLASSES).round()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_mean_over_samples_is_the_batch_objective(name: str) -> None:
    loss_fn, y = LOSSES[name]()
    model, x = nn.Linear(FEATURES, CLASSES), torch.randn(N, FEATURES)
    objective = batch_objective(loss_fn, model(x), y)
    batch_grads = torch.autograd.grad(objective, list(model.parameters()))

    losses = individual_losses(model, loss_fn, x, y)
    gradients = individual_gradients(model, loss_fn, x, y)

    torch.testing.assert_close(losses.mean(), objective)
    for grad, individual in zip(batch_grads, gradients.values(), strict=True):
        torch.testing.assert_close(individual.mean(0), grad)


def test_token_losses_count_by_sample() -> None:
    model, x = nn.Conv1d(FEATURES, CLASSES, 1), torch.randn(N, FEATURES, 6)
    y = torch.randint(CLASSES, (N, 6))
    y[0, :3] = -100
    loss_fn = nn.CrossEntropyLoss()
    losses = individual_losses(model, loss_fn, x, y)
    torch.testing.assert_close(losses.mean(), loss_fn(model(x), y))


def test_squared_error_of_a_linear_model() -> None:
    model, x, y = nn.Linear(FEATURES, 1), torch.randn(N, FEATURES), torch.randn(N, 1)
    gradients = individual_gradients(model, nn.MSELoss(), x, y)
    residual = (x @ model.weight.T + model.bias - y).detach()
    torch.testing.assert_close(gradients["weight"], (2 * residual * x).unsqueeze(1))
    torch.testing.assert_close(gradients["bias"], 2 * residual)


def test_cross_entropy_of_a_linear_model() -> None:
    model, x = nn.Linear(FEATURES, CLASSES), torch.randn(N, FEATURES)
    gradients = individual_gradients(model, nn.CrossEntropyLoss(), x, INDICES)
    error = model(x).softmax(1).detach() - nn.functional.one_hot(INDICES, CLASSES)
    torch.testing.assert_close(gradients["bias"], error)
    torch.testing.assert_close(gradients["weight"], error[:, :, None] * x[:, None, :])


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Linear(FEATURES, 1)
    model.bias.requires_grad_(False)
    gradients = individual_gradients(
        model, nn.MSELoss(), torch.randn(N, FEATURES), torch.randn(N, 1)
    )
    assert list(gradients) == ["weight"]
