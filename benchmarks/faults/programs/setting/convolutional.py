"""Convolutions over pictures."""

from __future__ import annotations

from functools import partial

from torch import nn

from benchmarks.faults import networks, schedules
from benchmarks.faults.networks import convolutional as conv
from benchmarks.faults.networks import residual
from benchmarks.faults.programs.program import (
    Program,
    adam,
    adamw,
    momentum,
    nadam,
    nesterov,
    rmsprop,
    sgd,
)

program = partial(Program, split="setting")


def programs() -> list[Program]:
    """All of them."""
    return [*_first(), *_further()]


def _first() -> list[Program]:
    """Small ones."""
    return [
        program("cnn-momentum", "CNN", "fashion-14", lambda: conv((8, 16), 14, 32),
                momentum(0.03), 64, 150),
        program("cnn-adam", "CNN", "digits", lambda: conv((8, 16), 8, 32), adam(4e-3), 32, 150),
        program("cnn-norm", "CNN, BatchNorm", "fashion-14",
                lambda: conv((8, 16), 14, 32, norm=nn.BatchNorm2d), nesterov(0.03), 64, 120,
                schedules.cosine),
        program("cnn-adam-long", "CNN, Dropout", "digits-raw",
                lambda: conv((8, 12), 8, 32, dropout=0.25), adam(2e-3), 16, 600),
        program("resnet-steps", "ResNet, BatchNorm", "digits", lambda: residual((8, 16)),
                momentum(0.1, weight_decay=5e-4), 32, 150, schedules.steps_down),
        program("resnet-adamw", "ResNet, BatchNorm", "fashion-14", lambda: residual((6, 12)),
                adamw(2e-2), 32, 150, schedules.warm_up_cosine),
        program("cnn-parts", "CNN", "fashion-14-raw", lambda: conv((8, 16), 14, 32),
                nesterov(0.1), 64, 150, schedules.cosine, parts=2),
        program("cnn-smoothed", "CNN, Dropout", "fashion-14-smoothed",
                lambda: conv((8, 16), 14, 48, dropout=0.5), adam(4e-3), 64, 200),
        program("cnn-small-batch", "CNN", "digits", lambda: conv((6, 12), 8, 24),
                sgd(0.15), 8, 200),
        program("cnn-sgd", "CNN", "fashion-14", lambda: conv((8, 12), 14, 24), sgd(0.15), 32, 200),
        program("cnn-rmsprop", "CNN, BatchNorm", "digits-raw",
                lambda: conv((8, 16), 8, 24, norm=nn.BatchNorm2d), rmsprop(2e-3), 64, 150),
        program("cnn-dropout", "CNN, Dropout", "fashion-14-raw",
                lambda: conv((10, 16), 14, 40, dropout=0.3), adam(8e-3), 64, 150),
        program("resnet-nesterov", "ResNet, BatchNorm", "fashion-14-raw",
                lambda: residual((6, 12)), nesterov(0.15, weight_decay=5e-4), 32, 120,
                schedules.cosine),
        program("resnet-adam", "ResNet, BatchNorm", "digits-raw", lambda: residual((8, 16)),
                adam(5e-3), 64, 120),
        program("series-adamw", "CNN, series", "digits-rows",
                lambda: networks.series((8, 24, 32), 8, 10), adamw(4e-3), 32, 150),
    ]  # fmt: skip


def _further() -> list[Program]:
    """Other data, other layers."""
    return [
        program("shoes-strided", "CNN, strides", "shoes",
                lambda: networks.strided((8, 16, 24), 28, 4), rmsprop(2e-3), 32, 200),
        program("separable-adam", "CNN, BatchNorm", "clothes-16",
                lambda: networks.separable((8, 16, 32), 10), adam(1e-2), 64, 200,
                schedules.one_cycle),
        program("group-norm-nesterov", "CNN, GroupNorm", "digits-16",
                lambda: conv((8, 16), 16, 32, activation=nn.SiLU, norm=partial(nn.GroupNorm, 4)),
                nesterov(0.02), 24, 250, schedules.warm_up),
        program("instance-norm-nadam", "CNN, InstanceNorm", "tops",
                lambda: conv((10, 20), 16, 32, 5, norm=partial(nn.InstanceNorm2d, affine=True)),
                nadam(3e-3), 40, 200),
        program("likely-restarts", "CNN, Dropout", "clothes-likely",
                lambda: networks.averaged((12, 24, 32), 10, 0.1), momentum(0.1), 32, 400,
                schedules.restarts),
        program("resnet-plain", "ResNet, BatchNorm", "digits-16",
                lambda: networks.plain_residual((8, 16, 32), 10), adamw(6e-3), 100, 120,
                schedules.linear),
    ]  # fmt: skip
