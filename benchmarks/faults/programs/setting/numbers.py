"""Programs that foresee numbers, or their inputs."""

from __future__ import annotations

from functools import partial

from torch import nn

from benchmarks.faults import networks, schedules
from benchmarks.faults.networks import dense
from benchmarks.faults.programs.program import (
    Program,
    adam,
    adamax,
    adamw,
    momentum,
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
        program("regression-adam", "MLP, regression", "diabetes",
                lambda: dense((10, 16, 1), flatten=False), adam(1e-2), 32, 150),
        program("regression-momentum", "MLP, regression", "friedman",
                lambda: dense((10, 48, 32, 1), flatten=False), momentum(0.03), 64, 200),
        program("regression-rmsprop", "MLP, regression", "halves",
                lambda: dense((32, 64, 32), flatten=False), rmsprop(2e-3), 64, 150),
        program("regression-sgd", "linear regression", "diabetes",
                lambda: dense((10, 1), flatten=False), sgd(0.03), 32, 150),
        program("regression-tanh", "MLP, regression", "friedman",
                lambda: dense((10, 64, 1), nn.Tanh, flatten=False), adamw(4e-2), 64, 200,
                schedules.cosine),
        program("regression-norm", "MLP, regression", "halves",
                lambda: dense((32, 64, 64, 32), norm=nn.BatchNorm1d, flatten=False),
                momentum(0.1), 32, 150, schedules.steps_down),
        program("autoencoder", "autoencoder", "digits-itself",
                lambda: dense((64, 48, 16, 48, 64), flatten=False), adam(8e-3), 64, 250),
        program("regression-robust", "MLP, regression", "friedman-robust",
                lambda: dense((10, 64, 32, 1), flatten=False), adam(5e-3), 64, 200),
    ]  # fmt: skip


def _further() -> list[Program]:
    """Other data, other layers."""
    return [
        program("arm-parts", "MLP, regression", "arm",
                lambda: dense((6, 64, 64, 2), nn.ReLU, flatten=False), adam(8e-3), 128, 400,
                schedules.cosine, parts=2),
        program("plane-sgd", "linear regression", "plane", lambda: dense((25, 1), flatten=False),
                sgd(0.03), 16, 200, schedules.exponential),
        program("impedance-softplus", "MLP, regression", "impedance",
                lambda: dense((4, 48, 48, 1), nn.Softplus, flatten=False), adamax(6e-3), 32, 400),
        program("denoised-adam", "autoencoder, BatchNorm", "clothes-denoised",
                lambda: dense((100, 64, 24, 64, 100), norm=nn.BatchNorm1d, flatten=False),
                adam(5e-3), 64, 300),
        program("adding-gru", "GRU, regression", "adding",
                lambda: networks.Recurrent(nn.GRU, 2, 32, 1), adam(4e-3), 64, 400, clip=1.0),
    ]  # fmt: skip
