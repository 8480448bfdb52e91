"""P13: a line through the origin, its slope the product of two parameters. The number is ours.

All 100 samples make gradient descent; 95 of them, stochastic gradient descent, under which λ_max
falls slowly although the loss stands still. An epoch is one step, so ours are many.
"""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import AsDrawn
from cockpit.problems.networks import two_parameters
from cockpit.problems.problem import Problem

PROBLEM = Problem(
    key="P13",
    name="two-parameters",
    title="two parameters whose product is a slope; SGD against gradient descent",
    dataset="noisy-line",
    view=AsDrawn(),
    model=two_parameters,
    loss=nn.MSELoss,
    batch_size=95,
    epochs=10000,
    lr=0.1,
    source="thesis C.4.2",
)
