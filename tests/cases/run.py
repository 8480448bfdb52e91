"""One training of a case, with or without a cockpit, as its loop and its judge see it."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from cockpit import Cockpit

if TYPE_CHECKING:
    from tests.cases.case import Batch, Case

__all__ = ["Moment", "Run", "plain_name"]

WRAPPERS = ("_orig_mod.", "module.")  # of torch.compile, and of what holds a model


@dataclass(frozen=True)
class Moment:
    """What a reference needs to know of one step.

    Attributes:
        model: A copy of the model at θ(t).
        batch: The mini-batch.
        rates: The learning rate of each parameter, by name.
    """

    model: nn.Module
    batch: Batch
    rates: dict[str, float]


@dataclass
class Run:
    """One training of a case; with ``cockpit=None`` the same training without instruments.

    Attributes:
        twin: A copy of the model that no cockpit has seen; what changes the model's structure
            changes it, too.
        rank: Of this process, where several train.
        output: What the model returned last.
        moments: θ(0), θ(1), …, each with its mini-batch, and the end.
        ends: What the optimizer left of the model in steps after which something else changed it.
    """

    case: Case
    model: nn.Module
    twin: nn.Module
    optimizers: list[Any]
    batches: list[Batch]
    cockpit: Cockpit | None
    rank: int = 0
    output: Any = None
    moments: list[Moment] = field(default_factory=list)
    ends: dict[int, nn.Module] = field(default_factory=dict)

    def begin(self, step: int) -> Batch:
        """This rank's mini-batch of a step; its random numbers are the same in every run."""
        batch = self.batches[step]
        self.moments.append(Moment(self.snapshot(), batch, self.rates()))
        torch.manual_seed(step)
        return self.case.share(batch, self.rank)

    def end(self) -> None:
        """After the last step."""
        self.moments.append(Moment(self.snapshot(), self.batches[-1], {}))

    @property
    def optimizer(self) -> Any:
        """The first optimizer, of a loop that has one only."""
        return self.optimizers[0]

    def rates(self) -> dict[str, float]:
        """The learning rates at present."""
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        rate_of = {id(p): float(group["lr"]) for group in groups for p in group["params"]}
        named = self.model.named_parameters()
        return {plain_name(name): rate_of[id(p)] for name, p in named if id(p) in rate_of}

    def snapshot(self) -> nn.Module:
        """The twin, in double precision, in the state of the model."""
        twin = copy.deepcopy(self.twin).double()
        state = {plain_name(k): _whole(v) for k, v in self.model.state_dict().items()}
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
        low = self.case.autocast
        with torch.autocast("cpu", low) if low else nullcontext():
            self.output = self.case.predict(self.model, batch.x)
            return self.case.total(self.model, self.output, batch.y)

    def tracked(self, step: int, loss: Tensor, batch: Batch) -> AbstractContextManager[None]:
        """The cockpit's context, with what this case's loop tells it."""
        if self.cockpit is None:
            return nullcontext()
        told: dict[str, Any] = {}
        case = self.case
        is_seen = case.seen is not None or isinstance(case.loss, nn.Module)
        if not is_seen or case.penalty is not None:
            told["loss"] = loss
        if case.tells:
            told["losses"] = case.each_loss(self.output, batch.y)
        return self.cockpit(step, **told)


def plain_name(name: str) -> str:
    """As the model inside of all wrappers has it."""
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name


def _whole(value: Tensor) -> Tensor:
    """A tensor that is cut over the ranks, put together."""
    return value.full_tensor() if isinstance(value, DTensor) else value
