"""Training loops as people write them, around a run that may or may not have a cockpit."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cockpit import Cockpit

if TYPE_CHECKING:
    from tests.cases.case import Batch, Case

__all__ = ["Moment", "Run", "plain", "plain_name"]


@dataclass(frozen=True)
class Moment:
    """What a reference needs to know of one step: the model at θ(t), and the mini-batch."""

    model: nn.Module
    batch: Batch


@dataclass
class Run:
    """One training of a case; with ``cockpit=None`` the same training without instruments.

    Attributes:
        twin: A copy of the model that no cockpit has seen; what changes the model's structure
            changes it, too.
        output: What the model returned last.
        moments: θ(0), θ(1), …, each with its mini-batch, and the end.
    """

    case: Case
    model: nn.Module
    twin: nn.Module
    optimizer: Any
    batches: list[Batch]
    cockpit: Cockpit | None
    output: Any = None
    moments: list[Moment] = field(default_factory=list)

    def begin(self, step: int) -> Batch:
        """The mini-batch of a step; its random numbers are the same in every run."""
        batch = self.batches[step]
        self.moments.append(Moment(self.snapshot(), batch))
        torch.manual_seed(step)
        return batch

    def end(self) -> None:
        """After the last step."""
        self.moments.append(Moment(self.snapshot(), self.batches[-1]))

    def snapshot(self) -> nn.Module:
        """The twin, in double precision, in the state of the model."""
        twin = copy.deepcopy(self.twin).double()
        state = {plain_name(k): v for k, v in self.model.state_dict().items()}
        twin.load_state_dict(state)
        modules = dict(twin.named_modules())
        for name, module in self.model.named_modules():
            if plain_name(name) in modules:
                modules[plain_name(name)].training = module.training
        parameters = dict(twin.named_parameters())
        for name, p in self.model.named_parameters():
            parameters[plain_name(name)].requires_grad_(p.requires_grad)
        return twin

    def loss(self, batch: Batch) -> Tensor:
        """The loss of the loop."""
        self.output = self.case.predict(self.model, batch.x)
        return self.case.total(self.model, self.output, batch.y)

    def tracked(self, step: int, loss: Tensor, batch: Batch) -> AbstractContextManager[None]:
        """The cockpit's context, with what this case's loop tells it."""
        if self.cockpit is None:
            return nullcontext()
        told: dict[str, Any] = {}
        case = self.case
        if not isinstance(case.loss, nn.Module) or case.penalty is not None:
            told["loss"] = loss
        if case.tells:
            told["losses"] = case.each_loss(self.output, batch.y)
        return self.cockpit(step, **told)


def plain_name(name: str) -> str:
    return name.removeprefix("_orig_mod.").removeprefix("module.")


def plain(run: Run) -> None:
    """The loop of the README."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
