"""What a training program is: data, network, optimizer, and how long it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import nn

from benchmarks.faults import schedules, tasks
from benchmarks.faults.schedules import Course
from benchmarks.faults.tasks import Task

Split = Literal["setting", "held_out"]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with its settings.

    Attributes:
        name: Of its class in ``torch.optim``.
        lr: Learning rate.
        others: Its other settings.
    """

    name: str
    lr: float
    others: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """In words, for tables."""
        if self.others.get("nesterov"):
            return "Nesterov"
        return f"{self.name} with momentum" if self.others.get("momentum") else self.name

    def make(self, parameters: Any) -> torch.optim.Optimizer:
        """For parameters, or groups of them."""
        made: torch.optim.Optimizer = getattr(torch.optim, self.name)(
            parameters, lr=self.lr, **self.others
        )
        return made


def sgd(lr: float, **others: Any) -> Optimizer:
    return Optimizer("SGD", lr, others)


def momentum(lr: float, **others: Any) -> Optimizer:
    return Optimizer("SGD", lr, {"momentum": 0.9, **others})


def nesterov(lr: float, **others: Any) -> Optimizer:
    return Optimizer("SGD", lr, {"momentum": 0.9, "nesterov": True, **others})


def adam(lr: float, **others: Any) -> Optimizer:
    return Optimizer("Adam", lr, others)


def adamw(lr: float, **others: Any) -> Optimizer:
    return Optimizer("AdamW", lr, others)


def rmsprop(lr: float, **others: Any) -> Optimizer:
    return Optimizer("RMSprop", lr, others)


def adagrad(lr: float, **others: Any) -> Optimizer:
    return Optimizer("Adagrad", lr, others)


def adamax(lr: float, **others: Any) -> Optimizer:
    return Optimizer("Adamax", lr, others)


def nadam(lr: float, **others: Any) -> Optimizer:
    return Optimizer("NAdam", lr, others)


def radam(lr: float, **others: Any) -> Optimizer:
    return Optimizer("RAdam", lr, others)


@dataclass(frozen=True)
class Program:
    """A training program.

    Attributes:
        name: E.g. ``mlp-sgd``.
        architecture: Of the network, in words.
        data: Name of the task.
        network: Makes the network; draws from the global random numbers, which are seeded.
        optimizer: With its settings.
        batch_size: N.
        steps: Of the optimizer.
        schedule: Of the learning rate.
        clip: Longest gradient that is let through; None: any.
        parts: Micro-batches that a step's gradient is made of.
        split: What it may be used for.
    """

    name: str
    architecture: str
    data: str
    network: Callable[[], nn.Module]
    optimizer: Optimizer
    batch_size: int
    steps: int
    schedule: Course = schedules.constant
    clip: float | None = None
    parts: int = 1
    split: Split = field(kw_only=True)

    @property
    def task(self) -> Task:
        """What it learns."""
        return tasks.get(self.data)

    @cached_property
    def blank(self) -> nn.Module:
        """A network to look at, not to train."""
        return self.model(0)

    def model(self, seed: int) -> nn.Module:
        """The network; another seed, other weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.network()

    def describe(self) -> dict[str, Any]:
        """What it is, in plain values."""
        return {
            "name": self.name,
            "split": self.split,
            "architecture": self.architecture,
            "data": self.data,
            "optimizer": {"name": self.optimizer.name, "lr": self.optimizer.lr}
            | self.optimizer.others,
            "schedule": self.schedule.__name__,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "clip": self.clip,
            "parts": self.parts,
            "network": str(self.blank),
        }
