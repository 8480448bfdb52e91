"""P4: 3c3d, declared here for Fashion-MNIST padded to three channels of 32 × 32.

The thesis has it on CIFAR-10.
"""

from __future__ import annotations

from torch import nn

from cockpit.problems.networks import cnn_3c3d
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P4",
    name="3c3d",
    title="three convolutions and three dense layers on padded Fashion-MNIST",
    dataset="fashion-mnist",
    input_shape=(3, 32, 32),
    model=cnn_3c3d,
    loss=nn.CrossEntropyLoss,
    metric=accuracy,
    batch_size=128,
    epochs=100,
    lr=0.05,
    l2=0.002,
    source="thesis A.1.1, P4 (there on CIFAR-10)",
)
