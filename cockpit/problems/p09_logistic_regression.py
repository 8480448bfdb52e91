"""P9: logistic regression, declared here for Fashion-MNIST.

The thesis has it on MNIST.
"""

from __future__ import annotations

from torch import nn

from cockpit.problems.networks import logistic_regression
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P9",
    name="logistic-regression",
    title="multinomial logistic regression on Fashion-MNIST",
    dataset="fashion-mnist",
    input_shape=(1, 28, 28),
    model=logistic_regression,
    loss=nn.CrossEntropyLoss,
    metric=accuracy,
    batch_size=128,
    epochs=50,
    lr=0.05,
    source="thesis A.1.3, P9 (there on MNIST)",
)
