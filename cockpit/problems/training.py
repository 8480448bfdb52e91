"""Train a problem with a cockpit around it, as `cockpit demo` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cockpit.cockpit import Cockpit
from cockpit.configuration import Configuration
from cockpit.problems.data import Batches, ImageSet, fit_images
from cockpit.problems.problem import Problem, evaluate, parameter_groups
from cockpit.quantities.base import Tier

Watch = Callable[[int, Cockpit], None]
"""Called after each step with its number and the cockpit."""

ACCURACY_EVERY = 10
VALIDATE_EVERY = 50
VALIDATION_IMAGES = 1000

# With these each trains 2c2d well; plain SGD takes the problem's own.
_LEARNING_RATES = {"momentum": 0.01, "adam": 0.001, "adamw": 0.001}
OPTIMIZERS = ("sgd", *_LEARNING_RATES)


@dataclass(frozen=True)
class Settings:
    """How to train; what is None is the problem's own.

    Attributes:
        steps: Number of optimizer steps.
        logdir: Folder of the run.
        optimizer: One of :data:`OPTIMIZERS`.
        lr: Learning rate.
        batch_size: Samples per step.
        config: What is tracked, see ``Cockpit``.
        seed: Of the network, the order of the data, and the cockpit's own random numbers.
        device: Where to train.
    """

    steps: int
    logdir: Path
    optimizer: str = "sgd"
    lr: float | None = None
    batch_size: int | None = None
    config: Tier | Configuration = "economy"
    seed: int = 0
    device: str = "cpu"


def make_optimizer(
    name: str, groups: list[dict[str, Any]], lr: float | None, default_lr: float
) -> torch.optim.Optimizer:
    """An optimizer by name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"got optimizer {name!r}, expected one of {', '.join(OPTIMIZERS)}")
    rate = _LEARNING_RATES.get(name, default_lr) if lr is None else lr
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=0.9 if name == "momentum" else 0.0)


def train(problem: Problem, images: ImageSet, settings: Settings, watch: Watch) -> float:
    """Train ``problem`` on ``images``, recorded in ``settings.logdir``.

    Batch accuracy is recorded every 10 steps, loss and accuracy on 1,000 test images every 50.

    Returns:
        The metric on those test images at the end.

    Raises:
        ValueError: If a setting cannot be; says which.
    """
    model = problem.model(settings.seed).to(settings.device)
    loss_function = problem.loss()
    groups = parameter_groups(model, problem.l2)
    optimizer = make_optimizer(settings.optimizer, groups, settings.lr, problem.lr)
    batches = Batches(
        images.train,
        settings.batch_size or problem.batch_size,
        shape=problem.input_shape,
        seed=settings.seed,
        device=settings.device,
    )
    held_out = _held_out(problem, images, settings.device)
    metric = 0.0
    with Cockpit(
        model,
        loss_function,
        optimizer,
        config=settings.config,
        logdir=settings.logdir,
        seed=settings.seed,
    ) as cockpit:
        for step, (epoch, inputs, targets) in enumerate(batches.take(settings.steps)):
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_function(outputs, targets)
            with cockpit(step):
                loss.backward()
            optimizer.step()

            if step % ACCURACY_EVERY == 0:
                hits = problem.metric(outputs.detach(), targets)
                cockpit.log(step, epoch=epoch, train_accuracy=hits)
            if step % VALIDATE_EVERY == 0 or step == settings.steps - 1:
                loss_value, metric = evaluate(problem, model, *held_out)
                cockpit.log(step, valid_loss=loss_value, valid_accuracy=metric)
            watch(step, cockpit)
    return metric


def _held_out(problem: Problem, images: ImageSet, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first test images, framed for the network, with their labels."""
    chosen = images.test.images[:VALIDATION_IMAGES].float().div(255)
    framed = fit_images(chosen, problem.input_shape)
    return framed.to(device), images.test.labels[:VALIDATION_IMAGES].to(device)
