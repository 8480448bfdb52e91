"""Facts of the loss function."""

from __future__ import annotations

import math

import torch
from torch import nn

from cockpit.backward.facts.loss import Loss
from tests.backward.facts.comparison import seen


class Odd(nn.Module):
    reduction = 3


def test_a_loss_module() -> None:
    losses = torch.tensor([1.0, math.nan, math.inf, -math.inf, 0.0])
    target = torch.zeros(5, dtype=torch.long)
    assert seen(Loss(), loss_fn=nn.MSELoss(reduction="sum"), losses=losses, target=target) == {
        "loss.function": "MSELoss",
        "loss.reduction": "sum",
        "loss.nonfinite": 3,
        "loss.target_gradient": False,
    }


def test_what_is_unknown_is_left_out() -> None:
    assert seen(Loss()) == {}
    assert seen(Loss(), loss_fn=Odd(), target=("a", "b")) == {"loss.function": "Odd"}


def test_a_target_with_a_gradient() -> None:
    target = torch.ones(2, requires_grad=True)
    assert seen(Loss(), target=target) == {"loss.target_gradient": True}
    assert seen(Loss(), target=2 * target) == {"loss.target_gradient": True}
