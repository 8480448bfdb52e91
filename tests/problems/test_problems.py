from __future__ import annotations

import pytest
import torch
from torch import nn

from cockpit import problems
from cockpit.problems.data import Batches, ImageSet

ALL = [pytest.param(problem, id=problem.name) for problem in problems.all_problems()]


def test_problems_are_found_by_key_and_by_name() -> None:
    assert problems.get("P3") is problems.get("2c2d")
    assert problems.get("p4").name == "3c3d"
    assert [p.key for p in problems.all_problems()] == ["P3", "P4", "P9", "P11"]


def test_an_unknown_problem_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"got problem 'P99', expected one of P3 \(2c2d\), P4"):
        problems.get("P99")


@pytest.mark.parametrize("problem", ALL)
def test_a_few_steps_of_sgd_reduce_the_loss(
    problem: problems.Problem, fashion_mnist: ImageSet
) -> None:
    model, loss_function = problem.model(0), problem.loss()
    groups = problems.parameter_groups(model, problem.l2)
    optimizer = torch.optim.SGD(groups, lr=problem.lr)
    batches = Batches(fashion_mnist.train, 32, shape=problem.input_shape)
    images, labels = next(iter(batches))
    before, _ = problems.evaluate(problem, model, images, labels)
    for _ in range(5):
        optimizer.zero_grad()
        loss_function(model(images), labels).backward()
        optimizer.step()
    after, metric = problems.evaluate(problem, model, images, labels)
    assert after < before
    assert 0 <= metric <= 1


def test_l2_is_on_the_weights_only() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    model[2].bias.requires_grad_(False)
    weights, others = problems.parameter_groups(model, 0.002)
    assert weights == {"params": [model[0].weight, model[2].weight], "weight_decay": 0.002}
    assert others["weight_decay"] == 0
    assert [id(p) for p in others["params"]] == [
        id(p) for p in (model[0].bias, model[1].weight, model[1].bias)
    ]


def test_without_l2_there_is_one_group() -> None:
    model = nn.Linear(2, 2)
    assert problems.parameter_groups(model, 0.0) == [{"params": [model.weight, model.bias]}]


def test_evaluation_leaves_mode_and_gradients_alone() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10)).train()
    images, labels = torch.ones(4, 1, 28, 28), torch.zeros(4, dtype=torch.long)
    first = problems.evaluate(problems.get("P9"), model, images, labels)
    assert first == problems.evaluate(problems.get("P9"), model, images, labels)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_accuracy_is_the_share_of_hits() -> None:
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0], [0.0, 5.0]])
    assert problems.accuracy(outputs, torch.tensor([0, 1, 1, 1])) == 0.75
