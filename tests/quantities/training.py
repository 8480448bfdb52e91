"""Trains under a Cockpit and keeps what a reference needs to say what the log should hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from cockpit import Cockpit
from cockpit.log import RunLog
from tests import references
from tests.quantities.cases import Case


@dataclass(frozen=True)
class Trained:
    """A finished small training.

    Attributes:
        case: What was trained.
        log: Its log.
        states: θ(0) … θ(T) by parameter name, T the number of steps, in float64.
        batches: The mini-batches as the model saw them.
    """

    case: Case
    log: RunLog
    states: list[dict[str, Tensor]]
    batches: list[tuple[Tensor, Tensor]]

    @cached_property
    def steps(self) -> range:
        return range(len(self.batches))

    def model(self, step: int) -> nn.Module:
        """An untouched float64 model at θ(step)."""
        model = self.case.model(torch.float64)
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.copy_(self.states[step][name])
        return model

    def loss_fn(self) -> nn.Module:
        return self.case.loss_fn(torch.float64)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = self.batches[step]
        return x.double(), y.double() if y.is_floating_point() else y

    def _remember(self, key: tuple, compute: Callable[[], object]):
        memory = self.__dict__.setdefault("_memory", {})
        if key not in memory:
            memory[key] = compute()
        return memory[key]

    def losses(self, step: int) -> Tensor:
        return self._remember(
            ("losses", step),
            lambda: references.individual_losses(
                self.model(step), self.loss_fn(), *self.batch(step)
            ).detach(),
        )

    def gradients(self, step: int) -> dict[str, Tensor]:
        return self._remember(
            ("gradients", step),
            lambda: references.individual_gradients(
                self.model(step), self.loss_fn(), *self.batch(step)
            ),
        )

    def curvature(self, kind: str, step: int) -> Tensor:
        """The full "hessian" or "ggn" of the step's mini-batch."""
        matrix = {"hessian": references.hessian, "ggn": references.ggn}[kind]
        return self._remember(
            (kind, step), lambda: matrix(self.model(step), self.loss_fn(), *self.batch(step))
        )

    def slices(self) -> dict[str, slice]:
        return references.layer_slices(self.model(0))

    def trainable(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: p for name, p in state.items() if name not in self.case.frozen}


def train(case: Case, quantities: Sequence, folder: Path, **options) -> Trained:
    """Train the case with a Cockpit around it, as a user would."""
    model, batches = case.model(), case.batches()
    states = run(
        model,
        case.loss_fn(),
        case.make_optimizer(model),
        batches,
        config=list(quantities),
        logdir=folder,
        **options,
    )
    return Trained(case, RunLog(folder), states, batches)


def run(
    model: nn.Module,
    loss_fn: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[tuple[Tensor, Tensor]],
    **options,
) -> list[dict[str, Tensor]]:
    """One step per mini-batch under ``Cockpit(..., **options)``; returns θ(0) … θ(T) in float64."""
    states = [_snapshot(model)]
    with Cockpit(model, loss_fn, optimizer, **options) as cockpit:
        for step, (x, y) in enumerate(batches):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                loss.backward()
            optimizer.step()
            states.append(_snapshot(model))
    return states


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().double().clone() for name, p in model.named_parameters()}
