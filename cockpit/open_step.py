"""A tracked step while it is under way: its parts, and what is known of it so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cockpit.backward import statistics as st
from cockpit.backward.backward_pass import BackwardPass
from cockpit.backward.combine import mean_loss
from cockpit.distributed import Agreement, Ranks
from cockpit.quantities.base import Quantity

__all__ = ["OpenStep", "StepPart", "same_elements", "some_elements"]


@dataclass
class StepPart:
    """One backward pass of a step, with what is known of its loss.

    Attributes:
        backward: The pass.
        loss: Lₖ, as the mean over its samples.
        losses: ℓₙ of its samples, shape [Nₖ]; ``None`` if unknown.
        told: Whether the user has passed the loss.
    """

    backward: BackwardPass
    loss: float
    losses: Tensor | None
    told: bool


@dataclass
class OpenStep:
    """A tracked step between its first backward pass and its settlement.

    Attributes:
        place: Where ranks meet for it.
        problem: Why there is no part, if there is none.
        begun: Whether a part was begun.
        void: Whether the ranks have missed each other already.
    """

    place: str
    info: dict[str, Any]
    due: list[Quantity]
    completing: list[Quantity]
    requests: frozenset[st.Statistic]
    parts: list[StepPart] = field(default_factory=list)
    before: dict[str, Tensor] = field(default_factory=dict)
    problem: str = "no backward pass was seen"
    begun: bool = False
    void: bool = False

    @property
    def passes(self) -> list[BackwardPass]:
        """The backward passes, in order."""
        return [part.backward for part in self.parts]

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """The parameters that have got a gradient."""
        found = {n: p.parameters[n] for p in self.passes for n in p.stats.grad}
        return list(found.values())

    @property
    def loss(self) -> float:
        """Mean over the samples of all parts."""
        pairs = [(part.backward.batch_size, part.loss) for part in self.parts]
        return mean_loss(pairs) if pairs else math.nan

    @property
    def individual_losses(self) -> Tensor | None:
        """Of the samples of all parts, shape [N]; ``None`` if unknown."""
        losses = [part.losses for part in self.parts if part.losses is not None]
        return torch.cat(losses) if losses and len(losses) == len(self.parts) else None

    def losses(self, agreed: Agreement, ranks: Ranks) -> dict[str, Any]:
        """What :class:`StepInfo` says of the losses of all ranks' samples."""
        losses = self.individual_losses
        if losses is not None:
            losses = ranks.gather([losses], agreed.share.sizes)[0] if agreed.has_losses else None
        return {
            "loss": agreed.loss,
            "batch_size": agreed.share.total,
            "individual_losses": losses,
            "ranks": ranks.size,
        }

    def why_no_part(self) -> str:
        """Why a further backward pass belongs to no mean objective with the others, or nothing."""
        last = self.passes[-1] if self.parts else None
        if last is None:
            return ""
        if not same_elements(last.parameters, self.before):
            return "the parameters changed between two backward passes of a step (closure, SAM)"
        for name, grad in last.stats.grad.items():
            kept = last.parameters[name].grad
            if (kept is None or not kept.any()) and grad.any():
                return "the gradients were reset between two backward passes of a step"
        return ""


def same_elements(some: Mapping[str, Tensor], among: Mapping[str, Tensor]) -> bool:
    """Whether each of some tensors has an equal one of its name; NaN equals NaN.

    One of another precision, or on another device, is another one.
    """
    return all(
        name in among
        and _kind(x) == _kind(among[name])
        and torch.allclose(x, among[name], rtol=0, atol=0, equal_nan=True)
        for name, x in some.items()
    )


def _kind(x: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return x.shape, x.dtype, x.device


def some_elements(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """About a thousand elements of each parameter: enough to see whether it was changed."""
    flat = {name: p.detach().flatten() for name, p in parameters.items()}
    return {name: x[:: max(1, x.numel() // 1000)].clone() for name, x in flat.items()}
