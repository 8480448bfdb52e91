"""P6: All-CNN-C on CIFAR-100."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import all_cnn_c
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P6",
    name="all-cnn-c",
    title="nine convolutions, no dense layer, on CIFAR-100",
    dataset="cifar-100",
    view=Classified((3, 32, 32), classes=100),
    model=all_cnn_c,
    loss=nn.CrossEntropyLoss,
    batch_size=256,
    epochs=350,
    lr=0.05,
    metric=accuracy,
    l2=0.0005,
    source="thesis A.1.2, P6",
)
