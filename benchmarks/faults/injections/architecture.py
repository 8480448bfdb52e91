"""Faults of the network itself, and of the mode that it is in."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.faults.injections.applies import contains, every, layered, no, sequential
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.injections.modules import (
    ACTIVATIONS,
    Made,
    before_last,
    exchange,
    last,
    put,
)
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup

_bends = contains(nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)  # no linear map of a sample


@fault("linear_chain", wrong=True, applies=every(sequential, layered, no(_bends)))
def linear_chain(setup: Setup, severity: float) -> None:
    """The activations were forgotten: the layers are one linear map."""
    kept = [m for m in setup.model.children() if not isinstance(m, ACTIVATIONS)]
    setup.model = nn.Sequential(*kept)


def _is_other_in_training(program: Program) -> bool:
    """Whether the network does anything else in training than after it."""
    return any(
        isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) or (isinstance(m, nn.Dropout) and m.p)
        for m in program.blank.modules()
    )


@fault("constant_output", wrong=True)
def constant_output(setup: Setup, severity: float) -> None:
    """An index too many: all samples of a batch get the output of its first one."""
    before_last(setup.model, Made(lambda x: x[:1].expand_as(x)))


@fault("detached_parameters", wrong=True, applies=layered)
def detached_trunk(setup: Setup, severity: float) -> None:
    """A ``detach()`` before the last layer: what lies before it gets no gradient."""
    before_last(setup.model, Made(torch.Tensor.detach))


@fault("extreme_dropout", applies=layered, severities={"0.9": 0.9, "0.97": 0.97})
def extreme_dropout(setup: Setup, severity: float) -> None:
    """The share that is kept was given as the share that is dropped."""
    if not exchange(setup.model, (nn.Dropout,), lambda _: nn.Dropout(severity)):
        before_last(setup.model, nn.Dropout(severity))


@fault("evaluation_mode", wrong=True, applies=_is_other_in_training)
def evaluation_mode(setup: Setup, severity: float) -> None:
    """``model.eval()`` before the loop, and no ``train()`` after it."""
    setup.training = False


@fault("constant_output", "dead_units", wrong=True, applies=layered)
def zeroed_features(setup: Setup, severity: float) -> None:
    """A mask that is all zeros: the head sees nothing but its bias."""
    name, layer = last(setup.model)
    put(setup.model, name, nn.Sequential(Made(lambda x: x * 0.0), layer))
