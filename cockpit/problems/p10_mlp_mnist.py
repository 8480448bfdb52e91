"""P10: a multi-layer perceptron on MNIST."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import mlp
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P10",
    name="mlp-mnist",
    title="multi-layer perceptron 784-1000-500-100-10 on MNIST",
    dataset="mnist",
    view=Classified((1, 28, 28)),
    model=mlp,
    loss=nn.CrossEntropyLoss,
    batch_size=128,
    epochs=100,
    lr=0.05,
    metric=accuracy,
    source="thesis A.1.3, P10",
)
