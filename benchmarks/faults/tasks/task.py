"""What a task is, and the list of all of them, filled at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from cockpit.problems.data import Pairs


@dataclass(frozen=True)
class Task:
    """Data with the loss that belongs to it.

    Attributes:
        name: E.g. ``fashion-14``.
        train: What is trained on.
        valid: What is not.
        loss: Makes the loss function, called with (outputs, targets).
        classes: How many; None: a regression. Targets are their numbers or, with a loss for tags,
            floats with a column for each; one column alone says yes or no, which are two classes.
    """

    name: str
    train: Pairs
    valid: Pairs
    loss: Callable[[], nn.Module]
    classes: int | None

    @property
    def kind(self) -> str:
        """``images``, ``features``, ``rows`` or ``text``: what an input is."""
        if not self.train.inputs.is_floating_point():
            return "text"
        return {4: "images", 3: "rows"}.get(self.train.inputs.ndim, "features")

    @property
    def tagged(self) -> bool:
        """Whether targets are floats with a column for each class, or one for yes or no."""
        return self.classes is not None and self.train.targets.is_floating_point()


Maker = Callable[[str], Task]
TASKS: dict[str, Maker] = {}


def task(*names: str) -> Callable[[Maker], Maker]:
    """Register a function that makes the tasks of these names."""

    def register(maker: Maker) -> Maker:
        TASKS.update(dict.fromkeys(names, maker))
        return maker

    return register


@cache
def get(name: str) -> Task:
    """The task of this name; the same tensors at each call, which are not to be changed.

    Raises:
        KeyError: If there is none.
    """
    return TASKS[name](name)


def classified(name: str, train: Pairs, valid: Pairs) -> Task:
    """With cross-entropy."""
    return Task(name, train, valid, nn.CrossEntropyLoss, int(train.targets.max()) + 1)


def answered(name: str, train: Pairs, valid: Pairs) -> Task:
    """Yes or no, from classes 1 and 0: one output for each sample, with its cross-entropy."""
    train, valid = (Pairs(part.inputs, part.targets[:, None].float()) for part in (train, valid))
    return Task(name, train, valid, nn.BCEWithLogitsLoss, 2)


def regressed(name: str, train: Pairs, valid: Pairs) -> Task:
    """With the squared error."""
    return Task(name, train, valid, nn.MSELoss, None)


def standardized(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and standard deviation 1 over all of the training data; one scale for all elements."""
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (valid - mean) / std


def each_standardized(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The same for each feature by itself; one that is constant becomes 0."""
    mean, std = train.mean(0), train.std(0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (train - mean) / std, (valid - mean) / std


def held_back(inputs: Tensor, targets: Tensor, count: int) -> tuple[Pairs, Pairs]:
    """The first ones to train on, and what is left."""
    return Pairs(inputs[:count], targets[:count]), Pairs(inputs[count:], targets[count:])
