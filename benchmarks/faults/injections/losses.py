"""Faults of the loss, of what is differentiated, and of what the model hands to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.faults.injections.applies import (
    classification,
    every,
    logits,
    negative_targets,
    no,
    regression,
)
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.injections.modules import Made, last, put
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup


def after_model(setup: Setup, what: nn.Module) -> None:
    """A further module at the end of the network."""
    setup.model = nn.Sequential(setup.model, what)


@fault("softmax_before_loss", wrong=True, applies=logits)
def softmax_before_loss(setup: Setup, severity: float) -> None:
    """The network ends in a softmax, and the loss computes another."""
    after_model(setup, nn.Softmax(dim=1))


@fault("clamped_output", "dead_units", wrong=True, applies=every(regression, negative_targets))
def relu_at_the_end(setup: Setup, severity: float) -> None:
    """A regression's outputs go through a ReLU, and half of the targets are negative."""
    after_model(setup, nn.ReLU())


@fault("clamped_output", wrong=True, applies=every(classification, logits),
       severities={"0.3": 0.3, "0.1": 0.1})  # fmt: skip
def clamped_logits(setup: Setup, severity: float) -> None:
    """The logits are clamped to a short range."""
    after_model(setup, Made(lambda x: x.clamp(-severity, severity)))


def _has_one_output(program: Program) -> bool:
    return program.task.train.targets.shape[1:] == (1,)


@fault("target_dtype", "wrong_output_size", wrong=True, applies=every(regression, _has_one_output))
def broadcast_targets(setup: Setup, severity: float) -> None:
    """Outputs [N, 1] against targets [N]: the loss compares each with each."""
    setup.train = type(setup.train)(setup.train.inputs, setup.train.targets.flatten())


def _weighs_classes(program: Program) -> bool:
    return getattr(program.task.loss(), "weight", None) is not None


@fault("wrong_output_size", applies=every(classification, no(_weighs_classes)), advisory=True)
def too_many_outputs(setup: Setup, severity: float) -> None:
    """A head for a thousand classes, where there are ten or two."""
    name, layer = last(setup.model)
    assert isinstance(layer, nn.Linear)
    put(setup.model, name, nn.Linear(layer.in_features, 1000))


@fault("loss_scaled", "learning_rate_too_large", "diverged", applies=lambda p: p.batch_size > 8)
def summed_loss(setup: Setup, severity: float) -> None:
    """``reduction="sum"`` with the learning rate of the mean."""
    setattr(setup.loss_fn, "reduction", "sum")  # noqa: B010


@fault("loss_scaled", "learning_rate_too_small", applies=lambda p: p.batch_size > 8)
def divided_twice(setup: Setup, severity: float) -> None:
    """The mean loss is divided by the batch size once more."""
    setup.differentiate = lambda loss: loss / setup.batch_size


@fault("wrong_sign", wrong=True)
def wrong_sign(setup: Setup, severity: float) -> None:
    """The negative loss is differentiated: the loss goes up."""
    setup.differentiate = lambda loss: -loss


@fault("nonfinite_gradient", "nonfinite_loss", wrong=True,
       applies=lambda p: any(isinstance(m, nn.ReLU) for m in p.blank.modules()))  # fmt: skip
def square_root(setup: Setup, severity: float) -> None:
    """The root of negative numbers, left out by ``where``: the loss is a number, its gradient none.

    The branch that is not taken has a derivative all the same: NaN, and NaN · 0 is NaN.
    """

    def root(x: Tensor) -> Tensor:
        return torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x))

    names = [name for name, m in setup.model.named_modules() if isinstance(m, nn.ReLU)]
    put(setup.model, names[-1], Made(root))
