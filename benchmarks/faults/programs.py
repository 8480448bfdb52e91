"""The training programs: each as a user would have written it, each really learning something.

They are split, once and for all: thresholds may be set by what happens in those of ``setting``;
those of ``held_out`` are only scored. Both have each kind of architecture and optimizer, but no
program of one is one of the other with another seed: network, optimizer, batch size, or data are
others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import nn

from benchmarks.faults import networks, schedules, tasks
from benchmarks.faults.schedules import Course
from benchmarks.faults.tasks import Task
from cockpit.problems.networks import logistic_regression

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


@dataclass(frozen=True)
class Program:
    """A training program.

    Attributes:
        name: E.g. ``mlp-sgd``.
        split: What it may be used for.
        architecture: Of the network, in words.
        data: Name of the task.
        network: Makes the network; draws from the global random numbers, which are seeded.
        optimizer: With its settings.
        batch_size: N.
        steps: Of the optimizer.
        schedule: Of the learning rate.
        clip: Longest gradient that is let through; None: any.
        parts: Micro-batches that a step's gradient is made of.
    """

    name: str
    split: Split
    architecture: str
    data: str
    network: Callable[[], nn.Module]
    optimizer: Optimizer
    batch_size: int
    steps: int
    schedule: Course = schedules.constant
    clip: float | None = None
    parts: int = 1

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


def _fine_tuned() -> nn.Module:
    """Its first layer is frozen; it was trained on other answers about the same pictures."""
    images, digits = tasks.get("digits-uneven").train.take(torch.arange(500))
    return networks.fine_tuned(images, digits % 2, (64, 96, 48, 10))


def _setting() -> list[Program]:
    """Those that thresholds are set by."""

    def program(*given: Any, **others: Any) -> Program:
        return Program(given[0], "setting", *given[1:], **others)

    dense, conv, residual = networks.dense, networks.convolutional, networks.residual
    return [
        program("logistic-zero", "logistic regression", "fashion-raw", logistic_regression,
                sgd(0.1), 128, 150),
        program("mlp-sgd", "MLP", "fashion-14", lambda: dense((196, 64, 32, 10)),
                sgd(0.15), 64, 150),
        program("mlp-sgd-long", "MLP", "fashion-14", lambda: dense((196, 48, 10)),
                sgd(0.1), 32, 600),
        program("mlp-norm", "MLP, BatchNorm", "digits",
                lambda: dense((64, 64, 64, 10), norm=True), momentum(0.03), 32, 150),
        program("mlp-dropout", "MLP, Dropout", "fashion-14-raw",
                lambda: dense((196, 128, 64, 10), dropout=0.3), adam(4e-3), 128, 200),
        program("mlp-tanh", "MLP, tanh", "digits", lambda: dense((64, 48, 32, 10), nn.Tanh),
                nesterov(0.05), 64, 150, schedules.cosine),
        program("mlp-small-batch", "MLP", "digits-flat",
                lambda: dense((64, 48, 10), flatten=False), sgd(0.08), 8, 200),
        program("mlp-large-batch", "MLP", "fashion-14", lambda: dense((196, 100, 10)),
                adam(3e-3), 256, 120),
        program("mlp-deep", "MLP, deep", "digits", lambda: dense((64, *[48] * 5, 10)),
                adam(2e-3), 64, 200),
        program("cnn-momentum", "CNN", "fashion-14", lambda: conv((8, 16), 14, 32),
                momentum(0.03), 64, 150),
        program("cnn-adam", "CNN", "digits", lambda: conv((8, 16), 8, 32), adam(4e-3), 32, 150),
        program("cnn-norm", "CNN, BatchNorm", "fashion-14",
                lambda: conv((8, 16), 14, 32, norm=True), nesterov(0.03), 64, 120,
                schedules.cosine),
        program("cnn-adam-long", "CNN, Dropout", "digits-raw",
                lambda: conv((8, 12), 8, 32, dropout=0.25), adam(2e-3), 16, 600),
        program("resnet-steps", "ResNet, BatchNorm", "digits", lambda: residual((8, 16)),
                momentum(0.1, weight_decay=5e-4), 32, 150, schedules.steps_down),
        program("resnet-adamw", "ResNet, BatchNorm", "fashion-14", lambda: residual((6, 12)),
                adamw(2e-2), 32, 150, schedules.warm_up_cosine),
        program("transformer-adamw", "transformer", "bible",
                lambda: networks.Transformer(tasks.CODES, tasks.LENGTH, 32, 2),
                adamw(1e-2), 16, 200, schedules.warm_up_cosine, clip=1.0),
        program("lstm-adam", "LSTM", "bible", lambda: networks.recurrent(tasks.CODES, 48),
                adam(1e-2), 32, 200),
        program("table-momentum", "MLP, table", "cancer",
                lambda: dense((30, 16, 2), flatten=False), momentum(0.02), 32, 150),
        program("regression-adam", "MLP, regression", "diabetes",
                lambda: dense((10, 16, 1), flatten=False), adam(1e-2), 32, 150),
        program("regression-momentum", "MLP, regression", "friedman",
                lambda: dense((10, 48, 32, 1), flatten=False), momentum(0.03), 64, 200),
        program("regression-rmsprop", "MLP, regression", "halves",
                lambda: dense((32, 64, 32), flatten=False), rmsprop(2e-3), 64, 150),
        program("cnn-parts", "CNN", "fashion-14-raw", lambda: conv((8, 16), 14, 32),
                nesterov(0.1), 64, 150, schedules.cosine, parts=2),
        program("mlp-tags", "MLP, tags", "digits-tags", lambda: dense((64, 64, 10)),
                adam(5e-3), 32, 200),
        program("mlp-converged", "MLP", "digits", lambda: dense((64, 64, 10)),
                momentum(0.05), 32, 800),
        program("cnn-smoothed", "CNN, Dropout", "fashion-14-smoothed",
                lambda: conv((8, 16), 14, 48, dropout=0.5), adam(4e-3), 64, 200),
        program("logistic-full-batch", "logistic regression", "digits-few",
                lambda: dense((64, 10)), sgd(0.3), 256, 150),
    ]  # fmt: skip


def _held_out() -> list[Program]:
    """Those that are only scored."""

    def program(*given: Any, **others: Any) -> Program:
        return Program(given[0], "held_out", *given[1:], **others)

    dense, conv, residual = networks.dense, networks.convolutional, networks.residual
    return [
        program("logistic-adam", "logistic regression", "digits-flat",
                lambda: dense((64, 10), flatten=False), adam(1e-2), 64, 150),
        program("mlp-momentum", "MLP", "fashion", lambda: dense((784, 64, 10)),
                momentum(0.02), 128, 120),
        program("mlp-nesterov-long", "MLP, BatchNorm", "fashion-14-raw",
                lambda: dense((196, 48, 48, 10), norm=True),
                nesterov(0.02, weight_decay=1e-4), 64, 600, schedules.steps_down),
        program("mlp-norm-adam", "MLP, BatchNorm", "fashion-14",
                lambda: dense((196, 96, 10), norm=True), adam(4e-3), 32, 150),
        program("mlp-dropout-momentum", "MLP, Dropout", "digits",
                lambda: dense((64, 96, 48, 10), dropout=0.2), momentum(0.05), 32, 200),
        program("mlp-tanh-rmsprop", "MLP, tanh", "fashion-14",
                lambda: dense((196, 48, 10), nn.Tanh), rmsprop(2e-3), 64, 150),
        program("mlp-sigmoid", "MLP, sigmoid", "digits",
                lambda: dense((64, 48, 10), nn.Sigmoid), adam(1e-2), 64, 200),
        program("mlp-deep-gelu", "MLP, deep", "fashion-14",
                lambda: dense((196, *[40] * 4, 10), nn.GELU), adamw(6e-3), 64, 200,
                schedules.warm_up_cosine),
        program("mlp-wide-batch", "MLP", "digits-raw", lambda: dense((64, 128, 10)),
                adamw(5e-3), 256, 120, schedules.cosine),
        program("cnn-small-batch", "CNN", "digits", lambda: conv((6, 12), 8, 24),
                sgd(0.15), 8, 200),
        program("cnn-sgd", "CNN", "fashion-14", lambda: conv((8, 12), 14, 24), sgd(0.15), 32, 200),
        program("cnn-rmsprop", "CNN, BatchNorm", "digits-raw",
                lambda: conv((8, 16), 8, 24, norm=True), rmsprop(2e-3), 64, 150),
        program("cnn-dropout", "CNN, Dropout", "fashion-14-raw",
                lambda: conv((10, 16), 14, 40, dropout=0.3), adam(8e-3), 64, 150),
        program("resnet-nesterov", "ResNet, BatchNorm", "fashion-14-raw",
                lambda: residual((6, 12)), nesterov(0.15, weight_decay=5e-4), 32, 120,
                schedules.cosine),
        program("resnet-adam", "ResNet, BatchNorm", "digits-raw", lambda: residual((8, 16)),
                adam(5e-3), 64, 120),
        program("transformer-adam", "transformer", "bible",
                lambda: networks.Transformer(
                    tasks.CODES, tasks.LENGTH, 24, 2, dropout=0.1, first=False),
                adam(1e-2), 32, 200, schedules.warm_up_cosine),
        program("transformer-long", "transformer", "bible",
                lambda: networks.Transformer(tasks.CODES, tasks.LENGTH, 24, 1),
                adamw(1e-2, weight_decay=0.1), 16, 600, schedules.warm_up_cosine, clip=1.0),
        program("lstm-momentum", "LSTM", "bible", lambda: networks.recurrent(tasks.CODES, 40),
                nesterov(1.0), 32, 200, schedules.cosine, clip=1.0),
        program("table-adamw", "MLP, table", "cancer",
                lambda: dense((30, 24, 12, 2), flatten=False), adamw(2e-3), 16, 150),
        program("regression-sgd", "linear regression", "diabetes",
                lambda: dense((10, 1), flatten=False), sgd(0.03), 32, 150),
        program("regression-tanh", "MLP, regression", "friedman",
                lambda: dense((10, 64, 1), nn.Tanh, flatten=False), adamw(4e-2), 64, 200,
                schedules.cosine),
        program("regression-norm", "MLP, regression", "halves",
                lambda: dense((32, 64, 64, 32), norm=True, flatten=False), momentum(0.1), 32, 150,
                schedules.steps_down),
        program("mlp-parts", "MLP, table", "digits-flat",
                lambda: dense((64, 64, 10), flatten=False), momentum(0.05), 64, 150, parts=4),
        program("autoencoder", "autoencoder", "digits-itself",
                lambda: dense((64, 48, 16, 48, 64), flatten=False), adam(8e-3), 64, 250),
        program("gru-adam", "GRU", "bible", lambda: networks.CharacterGRU(tasks.CODES, 40),
                adam(1e-2), 32, 200, schedules.cosine, clip=1.0),
        program("series-adamw", "CNN, series", "digits-rows",
                lambda: networks.series((8, 24, 32), 8, 10), adamw(4e-3), 32, 150),
        program("regression-robust", "MLP, regression", "friedman-robust",
                lambda: dense((10, 64, 32, 1), flatten=False), adam(5e-3), 64, 200),
        program("fine-tuned", "MLP, fine-tuned", "digits-uneven", _fine_tuned,
                adam(3e-3), 32, 150),
    ]  # fmt: skip


PROGRAMS: dict[str, Program] = {one.name: one for one in (*_setting(), *_held_out())}
