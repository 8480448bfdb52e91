"""The step that the optimizer made, beside the gradient that it was made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.group import Found, Group, Seen, Settled
from cockpit.backward.facts.weights import WeightNorms
from cockpit.backward.statistics import DotUpdate
from cockpit.linalg import inner_product

__all__ = ["Update", "direction_facts", "ratio_facts", "slope"]


def slope(
    grad: Mapping[str, Tensor], update: Mapping[str, Tensor], known: Mapping[str, Tensor]
) -> float:
    """ḡᵀΔθ.

    Args:
        grad: ḡ by parameter.
        update: Δθ by parameter.
        known: gₙᵀΔθ of some parameters, shape [N] each: their means are the slopes.
    """
    rows = [known[name] for name in grad if name in known]
    total = float(torch.stack(rows).mean(1, dtype=torch.float64).sum()) if rows else 0.0
    others = [name for name in grad if name in update and name not in known]
    return total + sum(float(inner_product(update[name], grad[name])) for name in others)


def direction_facts(along: float, sq_grad: float, sq_update: float) -> Found:
    """By how much the step lowers the loss to first order, and how it lies to −ḡ.

    Args:
        along: ḡᵀΔθ.
        sq_grad: ‖ḡ‖².
        sq_update: ‖Δθ‖².
    """
    if not math.isfinite(along):
        return {}
    found: Found = {"update.decrease": -along}
    sizes = math.sqrt(sq_grad) * math.sqrt(sq_update)
    if 0 < sizes < math.inf:
        found["update.sign"] = max(-1.0, min(1.0, -along / sizes))
    return found


def ratio_facts(moved: Mapping[str, float], sizes: Mapping[str, float]) -> Found:
    """Largest and smallest ‖Δθ‖/‖θ‖ of a parameter, with their names.

    Args:
        moved: ‖Δθ‖ by parameter.
        sizes: ‖θ‖ of those that are looked at; where it is zero there is no ratio.
    """
    ratios = {
        name: moved[name] / size
        for name, size in sizes.items()
        if name in moved and 0 < size < math.inf and math.isfinite(moved[name])
    }
    if not ratios:
        return {}
    most, least = max(ratios, key=ratios.__getitem__), min(ratios, key=ratios.__getitem__)
    return {
        "update.ratio_max": ratios[most],
        "update.ratio_min": ratios[least],
        "update.ratio_max_layer": most,
        "update.ratio_min_layer": least,
    }


class Update(Group):
    """Facts of the update Δθ that followed the gradient."""

    name: ClassVar[str] = "update"

    def __init__(self) -> None:
        self._norms = WeightNorms()

    def before_backward(self, seen: Seen) -> Found:
        """Only remembers what is still as it was."""
        self._norms.begin(seen.parameters)
        return {}

    def settled(self, step: Settled) -> Found:
        """Of parameters that have a gradient."""
        info, stats = step.info, step.stats
        if info.update is None:
            return {}
        squares = dict(zip(info.update, info.sq_update_norms.tolist(), strict=True))
        moved = {name: math.sqrt(square) for name, square in squares.items()}
        known: dict[str, Any] = stats.by_parameter.get(DotUpdate(), {})
        along = slope(stats.grad, info.update, known)
        found = direction_facts(along, float(stats.sq_grad_norms.sum()), sum(squares.values()))
        weights = [n for n in moved if n in stats.grad and info.parameters[n].dim() > 1]
        sizes = self._norms.of(info.parameters, weights)
        self._norms.end(step.passes[0].parameters, moved)
        return found | ratio_facts(moved, sizes)
