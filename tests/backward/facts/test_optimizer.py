"""Facts of the optimizer: what it has, and the pull of its decay beside steps made by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.facts import Seen
from cockpit.backward.facts.optimizer import Decay, Optimizer, decay_share, decays_of, membership


def test_parameters_without_and_foreign_ones() -> None:
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    groups = [{"params": [model.weight]}, {"params": [*other.parameters(), model.weight]}]
    named = dict(model.named_parameters())
    assert membership(named, model.parameters(), groups) == {
        "optimizer.without": ["bias"],
        "optimizer.foreign": 2,
    }
    known = [*model.parameters(), *other.parameters()]
    assert membership(named, known, groups)["optimizer.foreign"] == 0
    many = {f"p{n}": nn.Parameter(torch.zeros(1)) for n in range(30)}
    assert len(membership(many, [], [])["optimizer.without"]) == 20


def test_frozen_parameters_are_not_missed_and_those_of_the_loss_not_foreign() -> None:
    model, loss_fn = nn.Linear(2, 3), nn.PReLU()
    model.bias.requires_grad_(False)
    groups = [{"params": [model.weight, *loss_fn.parameters()]}]
    seen = Seen(model, {"weight": model.weight}, 4, loss_fn=loss_fn, param_groups=groups)
    assert Optimizer().before_backward(seen) == {"optimizer.without": [], "optimizer.foreign": 0}
    unknown = Seen(model, {"weight": model.weight}, 4)
    assert Optimizer().before_backward(unknown) == {}


class Mine(torch.optim.SGD):
    pass


def test_only_decays_that_are_known() -> None:
    p, q = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    groups: list[Any] = [{"params": [p], "weight_decay": 0.1}, {"params": [q], "lr": 0.5}]
    (sgd,) = decays_of(torch.optim.SGD(groups, lr=0.3))
    assert sgd == Decay(frozenset([id(p)]), 0.1, 0.3, decoupled=False)
    assert not decays_of(torch.optim.Adam([p], lr=0.3, weight_decay=0.1))[0].decoupled
    assert decays_of(torch.optim.AdamW([p], lr=0.3, weight_decay=0.1))[0].decoupled
    assert decays_of(torch.optim.Adam([p])) == []
    assert decays_of(torch.optim.NAdam([p], weight_decay=0.1, decoupled_weight_decay=True))[
        0
    ].decoupled
    assert decays_of(Mine([p], weight_decay=0.1)) == []
    assert decays_of(torch.optim.Adafactor([p], weight_decay=0.1)) == []


def share(decay: Decay, theta: Tensor, grad: Tensor, update: Tensor | None) -> float | None:
    sizes = [float(x.norm()) for x in (theta, grad)]
    moved = 0.0 if update is None else float(update.norm())
    named = None if update is None else {"p": update}
    return decay_share(decay, {"p": theta}, *sizes, named, moved)


@pytest.mark.parametrize("coefficient", [1e-6, 0.3, 30.0])
def test_what_decay_adds_to_the_gradient_or_to_the_step(coefficient: float) -> None:
    torch.manual_seed(0)
    theta, grad = torch.randn(500), torch.randn(500) / 50
    coupled = Decay(frozenset(), coefficient, 0.1, decoupled=False)
    expected = float((coefficient * theta).norm() / grad.norm())
    assert share(coupled, theta, grad, None) == pytest.approx(expected, rel=1e-5)
    p = nn.Parameter(theta.clone())
    p.grad = grad.clone()
    torch.optim.AdamW([p], lr=0.1, weight_decay=coefficient).step()
    update = p.detach() - theta
    pull = 0.1 * coefficient * theta
    expected = float(pull.norm() / (update + pull).norm())
    decoupled = Decay(frozenset(), coefficient, 0.1, decoupled=True)
    assert share(decoupled, theta, grad, update) == pytest.approx(expected, rel=0.03)
    assert share(decoupled, theta, grad, None) is None


def test_a_gradient_that_is_zero_has_no_share() -> None:
    theta = torch.ones(3)
    coupled = Decay(frozenset(), 0.1, 0.1, decoupled=False)
    assert share(coupled, theta, torch.zeros(3), None) is None
