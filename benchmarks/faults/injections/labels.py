"""Faults of the targets."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.faults.injections.applies import every, no, reconstruction, regression
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup


def shuffled(targets: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A share of the targets is exchanged among its samples."""
    count = len(targets)
    chosen = torch.randperm(count, generator=generator)[: round(share * count)]
    changed = targets.clone()
    changed[chosen] = targets[chosen[torch.randperm(len(chosen), generator=generator)]]
    return changed


@fault("wrong_labels", "noisy_labels", nature="statistical", wrong=True,
       applies=no(reconstruction))  # fmt: skip
def shuffled_labels(setup: Setup, severity: float) -> None:
    """Inputs and targets were shuffled apart: no target belongs to its input."""
    targets = shuffled(setup.train.targets, 1.0, setup.generator())
    setup.train = replace(setup.train, targets=targets)


@fault("noisy_labels", "wrong_labels", nature="statistical", applies=no(reconstruction),
       severities={"40%": 0.4, "60%": 0.6})  # fmt: skip
def noisy_labels(setup: Setup, severity: float) -> None:
    """A good part of the targets belongs to other samples."""
    targets = shuffled(setup.train.targets, severity, setup.generator())
    setup.train = replace(setup.train, targets=targets)


@fault(
    "nonfinite_loss",
    "nonfinite_gradient",
    wrong=True,
    applies=every(regression, no(reconstruction)),
)
def bad_target(setup: Setup, severity: float) -> None:
    """Every tenth target is NaN, as gaps in a table are."""
    targets = setup.train.targets.clone()
    targets[::10] = float("nan")
    setup.train = replace(setup.train, targets=targets)


def _silent_about_integers(program: Program) -> bool:
    """Whether the loss takes integers: else torch says itself, at once, what is wrong."""
    outputs = torch.zeros(2, requires_grad=True)
    try:
        program.task.loss()(outputs, torch.ones(2, dtype=torch.long)).backward()
    except RuntimeError:
        return False
    return True


@fault("target_dtype", wrong=True,
       applies=every(regression, no(reconstruction), _silent_about_integers))  # fmt: skip
def rounded_targets(setup: Setup, severity: float) -> None:
    """Targets of a regression were made integers on the way, as the table's column was one."""
    setup.train = replace(setup.train, targets=setup.train.targets.long())
