"""What a test problem is: data, network, loss, and the usual way to train it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Metric = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True)
class Problem:
    """A test problem, declared in one small file of this package.

    Attributes:
        key: Its number in the thesis, e.g. ``P3``.
        name: Short name, e.g. ``2c2d``.
        title: What it is, in a line.
        dataset: Name of the data set that it is declared for; others of the right kind may be
            put under the same network.
        input_shape: (channels, height, width) that the network takes.
        model: Makes the network from a seed.
        loss: Makes the loss function, called with (outputs, targets).
        metric: Figure of merit of (outputs, targets), e.g. :func:`accuracy`.
        batch_size: Default batch size.
        epochs: Default training time.
        lr: A learning rate with which plain SGD trains well.
        l2: Factor of ½‖w‖² over the weights (not the biases).
        source: Where this is defined.
    """

    key: str
    name: str
    title: str
    dataset: str
    input_shape: tuple[int, int, int]
    model: Callable[[int], nn.Module]
    loss: Callable[[], nn.Module]
    metric: Metric
    batch_size: int
    epochs: int
    lr: float
    l2: float = 0.0
    source: str = ""


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Share of samples whose largest logit is at the target, in [0, 1].

    Args:
        outputs: Logits, shape [N, classes].
        targets: Classes, shape [N].
    """
    return outputs.argmax(dim=1).eq(targets).float().mean().item()


def parameter_groups(model: nn.Module, l2: float) -> list[dict[str, object]]:
    """Parameter groups for an optimizer: L2 on the weights, none on biases and scales.

    Args:
        model: Its trainable parameters are grouped.
        l2: Goes into ``weight_decay`` of the group of parameters with two dimensions or more.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not l2:
        return [{"params": trainable}]
    weights = [parameter for parameter in trainable if parameter.ndim > 1]
    others = [parameter for parameter in trainable if parameter.ndim <= 1]
    return [{"params": weights, "weight_decay": l2}, {"params": others, "weight_decay": 0.0}]


def evaluate(
    problem: Problem, model: nn.Module, images: Tensor, labels: Tensor
) -> tuple[float, float]:
    """Loss and metric on a batch, without gradients; the model's mode is put back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(images)
            return problem.loss()(outputs, labels).item(), problem.metric(outputs, labels)
    finally:
        model.train(training)
