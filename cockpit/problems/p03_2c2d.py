"""P3: 2c2d on Fashion-MNIST."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import cnn_2c2d
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P3",
    name="2c2d",
    title="two convolutions and two dense layers on Fashion-MNIST",
    dataset="fashion-mnist",
    view=Classified((1, 28, 28)),
    model=cnn_2c2d,
    loss=nn.CrossEntropyLoss,
    batch_size=128,
    epochs=100,
    lr=0.05,
    metric=accuracy,
    source="thesis A.1.1, P3",
)
