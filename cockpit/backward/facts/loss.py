"""Facts of the loss function."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from cockpit.backward.compiled import uncompiled
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen
from cockpit.linalg import widened

__all__ = ["Loss", "loss_facts"]


def loss_facts(loss_fn: nn.Module | None, target: object, losses: Tensor | None) -> Found:
    """What loss it is, and how many of its terms are no numbers.

    Args:
        loss_fn: The module that computed it, ``None`` if unknown.
        target: What the outputs are compared with.
        losses: ℓₙ, shape [N]; ``None`` if unknown.
    """
    found: Found = {}
    if loss_fn is not None:
        loss_fn = uncompiled(loss_fn)
        found["loss.function"] = type(loss_fn).__name__
        reduction = getattr(loss_fn, "reduction", None)
        found["loss.reduction"] = reduction if isinstance(reduction, str) else None
    if losses is not None:
        found["loss.nonfinite"] = Then([widened(losses)], _nonfinite)
    if isinstance(target, Tensor):
        found["loss.target_gradient"] = target.requires_grad
    return found


def _nonfinite(losses: np.ndarray) -> int:
    return int(np.count_nonzero(~np.isfinite(losses)))


class Loss(Group):
    """Facts of the loss module, where it was seen to compute this loss."""

    name: ClassVar[str] = "loss"

    def before_backward(self, seen: Seen) -> Found:
        """Of this call."""
        return loss_facts(seen.loss_fn, seen.target, seen.losses)
