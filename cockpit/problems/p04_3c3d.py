"""P4: 3c3d on CIFAR-10."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import cnn_3c3d
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P4",
    name="3c3d",
    title="three convolutions and three dense layers on CIFAR-10",
    dataset="cifar-10",
    view=Classified((3, 32, 32)),
    model=cnn_3c3d,
    loss=nn.CrossEntropyLoss,
    batch_size=128,
    epochs=100,
    lr=0.05,
    metric=accuracy,
    l2=0.002,
    source="thesis A.1.1, P4",
)
