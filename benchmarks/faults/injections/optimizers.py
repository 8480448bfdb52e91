"""Faults of the optimizer, and of what is done with gradients before it steps."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from benchmarks.faults.injections.applies import layered, optimizer
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.injections.modules import Made, matrices, weighted
from benchmarks.faults.setup import Setup


@fault("wrong_sign", wrong=True, applies=optimizer("SGD", "Adam", "AdamW", "RMSprop"))
def maximizes(setup: Setup, severity: float) -> None:
    """``maximize=True``, as for a reward, with a loss."""
    setup.optimizer = replace(setup.optimizer, others=setup.optimizer.others | {"maximize": True})


@fault("gradients_not_zeroed", wrong=True)
def gradients_not_zeroed(setup: Setup, severity: float) -> None:
    """``optimizer.zero_grad()`` was forgotten: gradients add up over the whole run."""
    setup.zero_grad = False


@fault("optimizer_without_parameters", wrong=True, applies=layered,
       severities={"head": 1, "missing": 0})  # fmt: skip
def optimizer_without_parameters(setup: Setup, severity: float) -> None:
    """The optimizer was given the head alone, or was made before a layer was added."""

    def parameters(model: nn.Module) -> list[nn.Parameter]:
        head = list(weighted(model)[-1][1].parameters())
        if severity:
            return head
        first = next(p for p in matrices(model) if p.requires_grad)
        return [p for p in model.parameters() if p is not first]

    setup.parameters = parameters


@fault("foreign_parameters", "optimizer_without_parameters", wrong=True)
def foreign_parameters(setup: Setup, severity: float) -> None:
    """The optimizer belongs to a model that was made anew since."""
    setup.parameters = lambda model: list(copy.deepcopy(model).parameters())


@fault("clipped_to_nothing", "learning_rate_too_small",
       severities={"1e-2": 1e-2, "1e-4": 1e-4})  # fmt: skip
def clipped_to_nothing(setup: Setup, severity: float) -> None:
    """The gradient is clipped to a hundredth of its length and less."""
    setup.before_step = [lambda m: nn.utils.clip_grad_norm_(m.parameters(), severity)]


@fault("momentum_too_high", "oscillation", "learning_rate_too_large", "diverged",
       applies=optimizer("SGD", "Adam", "AdamW"), severities={"0.995": 0.995, "0.999": 0.999},
)  # fmt: skip
def momentum_too_high(setup: Setup, severity: float) -> None:
    """A coefficient of momentum so near to 1 that the steps remember the whole run."""
    others: dict[str, Any] = dict(setup.optimizer.others)
    if setup.optimizer.name == "SGD":
        others["momentum"] = severity
    else:
        others["betas"] = (severity, 0.999)
    setup.optimizer = replace(setup.optimizer, others=others)


@fault("weight_decay_dominates", applies=optimizer("SGD", "Adam", "AdamW"),
       severities={"x1": 1.0, "x10": 10.0})  # fmt: skip
def weight_decay_dominates(setup: Setup, severity: float) -> None:
    """Weight decay that pulls the weights to 0 faster than the loss pulls them away."""
    decay = 0.2 * severity / (setup.optimizer.lr if setup.optimizer.name == "AdamW" else 1.0)
    others = setup.optimizer.others | {"weight_decay": min(decay, 0.5 / setup.optimizer.lr)}
    setup.optimizer = replace(setup.optimizer, others=others)


@fault("frozen_layers", advisory=True, applies=layered,
       severities={"all but the last": 1, "half": 0})  # fmt: skip
def frozen_layers(setup: Setup, severity: float) -> None:
    """Layers were frozen for a trial and never thawed."""
    named = list(setup.model.parameters())
    head = {id(p) for p in weighted(setup.model)[-1][1].parameters()}
    for number, parameter in enumerate(named):
        if (severity and id(parameter) not in head) or (not severity and number < len(named) / 2):
            parameter.requires_grad_(False)


@fault("half_underflow")
def half_precision(setup: Setup, severity: float) -> None:
    """Weights, activations and gradients in half precision, and no scaling of the loss."""
    # The loss is computed in single precision, as torch's autocast does it.
    setup.model = nn.Sequential(setup.model.half(), Made(torch.Tensor.float))
    if setup.train.inputs.is_floating_point():
        setup.train = replace(setup.train, inputs=setup.train.inputs.half())
        setup.valid = replace(setup.valid, inputs=setup.valid.inputs.half())
