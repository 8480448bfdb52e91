"""Which parameters the optimizer has, and how strongly it pulls them towards zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cockpit.backward.facts.group import MOST_NAMES, Found, Group, Seen, Settled
from cockpit.backward.facts.weights import WeightNorms
from cockpit.linalg import inner_product

__all__ = ["Decay", "Optimizer", "decay_share", "decays_of", "membership"]

# What torch's own optimizers make of ``weight_decay``, unless a group says that it is decoupled.
COUPLED = ("ASGD", "Adadelta", "Adagrad", "Adam", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD")
DECOUPLED = ("AdamW",)
SMALL = 0.02  # share of decay in a step, below which it is no matter where the rest points


@dataclass(frozen=True)
class Decay:
    """Weight decay of a parameter group.

    Attributes:
        members: Its parameters (by identity).
        coefficient: λ.
        lr: Learning rate.
        decoupled: Whether the step is θ ← θ − lr·λθ − …; else λθ is added to the gradient.
    """

    members: frozenset[int]
    coefficient: float
    lr: float
    decoupled: bool


def membership(
    trainable: Mapping[str, Tensor],
    known: Iterable[Tensor],
    groups: Sequence[Mapping[str, Any]],
) -> Found:
    """Parameters that no optimizer has, and those that are none of the model's.

    Args:
        trainable: The model's trainable parameters by name.
        known: All parameters of the model and of the loss function.
        groups: The optimizers' parameter groups.
    """
    held = {id(p) for group in groups for p in group["params"]}
    without = [name for name, p in trainable.items() if id(p) not in held]
    foreign = held - {id(p) for p in known}
    return {"optimizer.without": without[:MOST_NAMES], "optimizer.foreign": len(foreign)}


def decays_of(optimizer: Any) -> list[Decay]:
    """Weight decay of the groups that have some.

    Only torch's own optimizers are known: others may do anything with a setting of this name.
    """
    kind = type(optimizer).__name__
    if getattr(torch.optim, kind, None) is not type(optimizer) or kind not in COUPLED + DECOUPLED:
        return []
    return [
        Decay(
            frozenset(map(id, group["params"])),
            float(group["weight_decay"]),
            float(group["lr"]),
            kind in DECOUPLED or bool(group.get("decoupled_weight_decay")),
        )
        for group in optimizer.param_groups
        if group.get("weight_decay") and "lr" in group
    ]


def decay_share(
    decay: Decay,
    parameters: Mapping[str, Tensor],
    size: float,
    gradient: float,
    update: Mapping[str, Tensor] | None,
    moved: float,
) -> float | None:
    """How large the decay's part of a step is against the gradient's; ``None`` if unknown.

    λ‖θ‖/‖ḡ‖ where λθ is added to the gradient. A decoupled decay is added to the step itself,
    whatever the optimizer makes of the gradient: lr·λ‖θ‖/‖Δθ + lr·λθ‖.

    Args:
        decay: Of a group.
        parameters: θ of its parameters before the step, by name.
        size: ‖θ‖.
        gradient: ‖ḡ‖, as the optimizer gets it.
        update: Δθ by name.
        moved: ‖Δθ‖.
    """
    if not decay.decoupled:
        pull, rest = decay.coefficient * size, gradient
    elif update is None:
        return None
    else:
        rate = decay.lr * decay.coefficient
        pull, rest = rate * size, moved
        if pull > SMALL * rest:
            along = sum(float(inner_product(update[n], p)) for n, p in parameters.items())
            rest = math.sqrt(max(0.0, moved * moved + 2 * rate * along + pull * pull))
    share = pull / rest if rest > 0 else math.nan
    return share if math.isfinite(share) else None


class Optimizer(Group):
    """Facts of what the optimizer works on."""

    name: ClassVar[str] = "optimizer"

    def __init__(self) -> None:
        self._decays: list[Decay] = []
        self._norms = WeightNorms()

    def before_backward(self, seen: Seen) -> Found:
        """Its parameters, where there is one."""
        self._decays = []
        self._norms.begin(seen.parameters)
        if not seen.param_groups:
            return {}
        beside = seen.loss_fn.parameters() if isinstance(seen.loss_fn, nn.Module) else ()
        known = [*seen.model.parameters(), *beside]
        return membership(seen.parameters, known, seen.param_groups)

    def before_update(self, optimizer: Any) -> Found:
        """Its settings, as it steps."""
        self._decays += decays_of(optimizer)
        return {}

    def settled(self, step: Settled) -> Found:
        """The strongest decay of its groups."""
        decays, self._decays = self._decays, []
        if not decays:
            return {}
        info = step.info
        moved = dict(zip(info.update or (), info.sq_update_norms.sqrt().tolist(), strict=True))
        shares = [self._share_of(decay, step, moved) for decay in decays]
        self._norms.end(step.passes[0].parameters, moved)
        known = [share for share in shares if share is not None]
        return {"optimizer.decay": max(known, default=None)}

    def _share_of(self, decay: Decay, step: Settled, moved: Mapping[str, float]) -> float | None:
        info, stats, live = step.info, step.stats, step.passes[0].parameters
        names = [name for name in stats.grad if name in live and id(live[name]) in decay.members]
        squares = dict(zip(stats.grad, stats.sq_grad_norms.tolist(), strict=True))
        unit = info.batch_size / info.ranks if info.reduction == "sum" else 1.0
        return decay_share(
            decay,
            {name: info.parameters[name] for name in names},
            math.hypot(*self._norms.of(info.parameters, names).values()),
            unit * math.sqrt(sum(squares[name] for name in names)),
            info.update,
            math.hypot(*(moved.get(name, 0.0) for name in names)),
        )
