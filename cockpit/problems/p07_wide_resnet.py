"""P7: a wide residual network, WRN-16-4, on SVHN."""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import Classified
from cockpit.problems.networks import wide_resnet_16_4
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P7",
    name="wrn-16-4",
    title="wide residual network of 16 layers on SVHN",
    dataset="svhn",
    view=Classified((3, 32, 32)),
    model=wide_resnet_16_4,
    loss=nn.CrossEntropyLoss,
    batch_size=128,
    epochs=160,
    lr=0.05,
    metric=accuracy,
    l2=0.0005,
    source="thesis A.1.2, P7",
)
