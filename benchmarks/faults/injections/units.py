"""Faults of how weights begin, and of units that carry no gradient."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.faults.injections.applies import (
    contains,
    every,
    floats,
    layered,
    no,
    sequential,
)
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.injections.modules import (
    ACTIVATIONS,
    exchange,
    matrices,
    multiply,
    put,
    weighted,
)
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup

NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)


def _plain(program: Program) -> bool:
    """A sequence of layers without normalization, with two layers of weights or more."""
    return sequential(program) and layered(program) and not contains(*NORM)(program)


@fault("zero_initialization", "symmetric_initialization", wrong=True,
       applies=every(layered, no(contains(nn.RNNBase))))  # fmt: skip
def zero_initialization(setup: Setup, severity: float) -> None:
    """All weights and biases are 0 at the start."""
    multiply(matrices(setup.model), 0.0)
    _without_biases(setup)


@fault("symmetric_initialization", wrong=True, applies=_plain)
def symmetric_initialization(setup: Setup, severity: float) -> None:
    """All weights of a layer are the same number at the start: its units stay alike."""
    for parameter in matrices(setup.model):
        nn.init.constant_(parameter, 1 / parameter[0].numel())
    _without_biases(setup)


def _without_biases(setup: Setup) -> None:
    for _, module in weighted(setup.model):
        if isinstance(module.bias, nn.Parameter):
            nn.init.zeros_(module.bias)


@fault("large_initialization", "first_loss_too_high", "exploding_gradients", "saturated_units",
       applies=layered, severities={"x5": 5.0, "x20": 20.0})  # fmt: skip
def large_initialization(setup: Setup, severity: float) -> None:
    """The weights at the start are many times too large."""
    multiply(matrices(setup.model), severity)


@fault("vanishing_gradients", "saturated_units", nature="statistical", applies=_plain,
       severities={"6": 6, "10": 10})  # fmt: skip
def deep_sigmoid(setup: Setup, severity: float) -> None:
    """Sigmoid layers in a row before the head, so many that no gradient gets through."""
    exchange(setup.model, ACTIVATIONS, lambda _: nn.Sigmoid())
    name, layer = weighted(setup.model)[-1]
    width = int(layer.in_features)  # type: ignore[arg-type]
    more = [part for _ in range(int(severity)) for part in (nn.Linear(width, width), nn.Sigmoid())]
    put(setup.model, name, nn.Sequential(*more, layer))


@fault("exploding_gradients", "first_loss_too_high", "large_initialization",
       nature="statistical", applies=_plain,
       severities={"x1.5": 1.5, "x3": 3.0})  # fmt: skip
def deep_and_large(setup: Setup, severity: float) -> None:
    """Six more layers whose weights make the gradient grow at each of them."""
    name, layer = weighted(setup.model)[-1]
    width = int(layer.in_features)  # type: ignore[arg-type]
    more: list[nn.Module] = []
    for _ in range(6):
        inner = nn.Linear(width, width)
        nn.init.kaiming_normal_(inner.weight)
        multiply([inner.weight], severity)
        more += [inner, nn.ReLU()]
    put(setup.model, name, nn.Sequential(*more, layer))


@fault("dead_units", "constant_output", nature="statistical",
       applies=every(_plain, contains(nn.ReLU)),
       severities={"all": 1.0, "most": 0.75})  # fmt: skip
def dead_units(setup: Setup, severity: float) -> None:
    """Biases so negative that a layer's ReLUs never open."""
    layers = [module for _, module in weighted(setup.model)][:-1]
    hidden = layers[len(layers) // 2]
    with torch.no_grad():
        bias = hidden.bias
        assert isinstance(bias, nn.Parameter)
        bias[: round(severity * len(bias))] = -100.0


@fault("large_initialization", "saturated_units", "first_loss_too_high", "vanishing_gradients",
       applies=every(_plain, floats), severities={"x10": 10.0, "x50": 50.0})  # fmt: skip
def saturated_units(setup: Setup, severity: float) -> None:
    """Tanh layers with weights so large that nearly all units are at ±1."""
    exchange(setup.model, ACTIVATIONS, lambda _: nn.Tanh())
    multiply(matrices(setup.model)[:-1], severity)
