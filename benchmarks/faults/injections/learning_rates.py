"""Faults of the steps' length, and of how it changes over the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from benchmarks.faults import schedules
from benchmarks.faults.injections.applies import (
    accumulates,
    decays,
    every,
    inputs,
    layered,
    no,
    optimizer,
    small_table,
    warms_up,
)
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.injections.modules import matrices
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup


def scale_lr(setup: Setup, factor: float) -> None:
    """Another learning rate."""
    setup.optimizer = replace(setup.optimizer, lr=setup.optimizer.lr * factor)


@fault("learning_rate_too_large", "diverged", "oscillation", "no_warm_up", "update_ratio",
       nature="statistical", severities={"x10": 10.0, "x30": 30.0, "x100": 100.0})  # fmt: skip
def learning_rate_too_large(setup: Setup, severity: float) -> None:
    """The learning rate is many times what suits the program."""
    scale_lr(setup, severity)


@fault("learning_rate_too_small", nature="statistical",
       severities={"/30": 1 / 30, "/100": 0.01, "/1000": 0.001})  # fmt: skip
def learning_rate_too_small(setup: Setup, severity: float) -> None:
    """The learning rate is a small part of what suits the program."""
    scale_lr(setup, severity)


@fault("decayed_too_early", "learning_rate_too_small", nature="statistical",
       onset=lambda severity: severity, severities={"5%": 0.05, "15%": 0.15})  # fmt: skip
def decayed_too_early(setup: Setup, severity: float) -> None:
    """The schedule counts epochs where it is asked in steps: soon the learning rate is nearly 0."""
    before = setup.schedule
    setup.schedule = lambda share: before(share) if share < severity else 1e-3 * before(share)


def _can_end_by_noise(program: Program) -> bool:
    return program.steps >= 150 and decays(program)


@fault("noise_floor", "learning_rate_too_large", "no_warm_up", "diverged", "oscillation",
       nature="statistical", advisory=True, applies=_can_end_by_noise)  # fmt: skip
def never_annealed(setup: Setup, severity: float) -> None:
    """The learning rate stays above what the end can bear; a warm-up there is all the same."""
    setup.schedule = schedules.warm_up if warms_up(setup.program) else schedules.constant
    scale_lr(setup, 2.0)


@fault("no_warm_up", "learning_rate_too_large", "diverged", nature="statistical",
       applies=every(inputs("text"), optimizer("Adam", "AdamW"), decays, warms_up),
       severities={"x1": 1.0, "x5": 5.0})  # fmt: skip
def no_warm_up(setup: Setup, severity: float) -> None:
    """A transformer with Adam begins at its full learning rate, which would do after a warm-up."""
    setup.schedule = schedules.cosine
    scale_lr(setup, severity)


@fault("learning_rate_too_large", "oscillation", "momentum_too_high", "diverged",
       nature="statistical", applies=optimizer("SGD"))  # fmt: skip
def oscillation(setup: Setup, severity: float) -> None:
    """Much momentum and long steps: the loss swings to and fro."""
    others = setup.optimizer.others | {"momentum": 0.97}
    setup.optimizer = replace(setup.optimizer, lr=setup.optimizer.lr * 3, others=others)


@fault("update_ratio", "learning_rate_too_large", "diverged", nature="statistical",
       applies=every(layered, no(accumulates)))  # fmt: skip
def one_layer_fast(setup: Setup, severity: float) -> None:
    """One layer is in a parameter group of its own, with a hundred times the learning rate."""
    _one_layer(setup, 100.0)


@fault("update_ratio", "learning_rate_too_small", nature="statistical", advisory=True,
       applies=every(layered, no(accumulates)))  # fmt: skip
def others_slow(setup: Setup, severity: float) -> None:
    """All layers but the last are in a group with a thousandth of the learning rate."""

    def parameters(model: nn.Module) -> list[dict[str, Any]]:
        head = matrices(model)[-1]
        others = [p for p in model.parameters() if p is not head]
        return [{"params": [head]}, {"params": others, "lr": setup.optimizer.lr / 1000}]

    setup.parameters = parameters


def _one_layer(setup: Setup, factor: float) -> None:
    def parameters(model: nn.Module) -> list[dict[str, Any]]:
        middle = matrices(model)[len(matrices(model)) // 2]
        others = [p for p in model.parameters() if p is not middle]
        lr = setup.optimizer.lr * factor
        return [{"params": others}, {"params": [middle], "lr": lr}]

    setup.parameters = parameters


@fault("overfitting", "converged", nature="statistical", advisory=True,
       applies=small_table)  # fmt: skip
def goes_on_for_nothing(setup: Setup, severity: float) -> None:
    """The run goes on long after there is nothing to gain any more."""
    setup.steps = 800
