"""What a test problem is: data, network, loss, and the usual way to train it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cockpit.problems.data.sets import Samples
from cockpit.problems.data.views import View

Metric = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True)
class Problem:
    """A test problem, declared in one small file of this package.

    Attributes:
        key: Its number in the thesis, e.g. ``P3``.
        name: Short name, e.g. ``2c2d``.
        title: What it is, in a line.
        dataset: Name of the data set that it is declared for; others of the same kind may be
            put under the same network.
        view: What the network sees of the data: training and test samples.
        model: Makes the network from a seed.
        loss: Makes the loss function, called with (outputs, targets).
        batch_size: Default batch size.
        epochs: Default training time.
        lr: A learning rate with which plain SGD trains well.
        metric: Figure of merit of (outputs, targets), e.g. :func:`accuracy`; None: the loss alone.
        l2: Factor of ½‖w‖² over the weights (not the biases).
        source: Where this is defined.
    """

    key: str
    name: str
    title: str
    dataset: str
    view: View
    model: Callable[[int], nn.Module]
    loss: Callable[[], nn.Module]
    batch_size: int
    epochs: int
    lr: float
    metric: Metric | None = None
    l2: float = 0.0
    source: str = ""


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Share of targets at which the logit is the largest, in [0, 1].

    Args:
        outputs: Logits, shape [N, classes] (or [N, classes, places]).
        targets: Classes, shape [N] (or [N, places]).
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


@dataclass(frozen=True)
class Score:
    """How good a network is on some samples.

    Attributes:
        loss: Mean loss, without a penalty on the weights.
        metric: The problem's figure of merit, if it has one.
        samples: How many these were.
    """

    loss: float
    metric: float | None
    samples: int


def evaluate(problem: Problem, model: nn.Module, inputs: Tensor, targets: Tensor) -> Score:
    """Loss and metric on a batch, without gradients; the model's mode is put back afterwards.

    Where the model draws random numbers, it draws the same at each call, and the global ones are
    left alone.
    """
    training = model.training
    model.eval()
    devices = [inputs.device] if inputs.device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            outputs = model(inputs)
            metric = None if problem.metric is None else problem.metric(outputs, targets)
            return Score(
                problem.loss().to(inputs.device)(outputs, targets).item(), metric, len(inputs)
            )
    finally:
        model.train(training)


def evaluate_all(
    problem: Problem, model: nn.Module, samples: Samples, batch_size: int, limit: int | None = None
) -> Score:
    """Loss and metric on all samples or the first ``limit``, a batch at a time.

    Raises:
        ValueError: If there are no samples.
    """
    number = len(samples) if limit is None else min(limit, len(samples))
    if number < 1:
        raise ValueError("got no samples to evaluate on; choose other data")
    device = next(model.parameters()).device
    scores = [
        evaluate(problem, model, inputs.to(device), targets.to(device))
        for chosen in torch.arange(number).split(batch_size)
        for inputs, targets in [samples.take(chosen)]
    ]

    def mean(values: list[float]) -> float:
        pairs = zip(values, scores, strict=True)
        return math.fsum(value * score.samples for value, score in pairs) / number

    metrics = [score.metric for score in scores if score.metric is not None]
    return Score(mean([score.loss for score in scores]), mean(metrics) if metrics else None, number)
