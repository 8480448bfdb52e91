"""P9: logistic regression on MNIST."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import logistic_regression
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P9",
    name="logistic-regression",
    title="multinomial logistic regression on MNIST",
    dataset="mnist",
    view=Classified((1, 28, 28)),
    model=logistic_regression,
    loss=nn.CrossEntropyLoss,
    batch_size=128,
    epochs=50,
    lr=0.05,
    metric=accuracy,
    source="thesis A.1.3, P9",
)
