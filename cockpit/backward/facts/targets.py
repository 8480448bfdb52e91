"""Facts of what the loss function compares the model's output with."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.moments import columns_of

__all__ = ["Targets", "class_facts", "values_facts"]

MOST_CLASSES = 1000


def values_facts(target: Tensor) -> Found:
    """Numbers of targets that are floats; those that are finite.

    Args:
        target: Shape [N, *], not empty.
    """
    columns = columns_of(target.reshape(len(target), -1) if target.dim() else target.view(1, 1))
    found = {
        "targets.nonfinite": columns.nonfinite,
        "targets.min": columns.low.amin(),
        "targets.max": columns.high.amax(),
    }
    if target.dim() and len(target) > 1:
        found["targets.variance"] = columns.variance.mean()
    return found


def class_facts(target: Tensor) -> Found:
    """Numbers of targets that are integers, and how often each class is there.

    Negative ones (as of an ignored target) are in no class. Above class 999 nothing is counted.

    Args:
        target: Any shape, not empty.
    """
    indices = target.reshape(-1).long()
    low, high = indices.aminmax()
    places = indices.clamp(-1, MOST_CLASSES) + 1  # the first and the last are for all others
    counts = indices.new_zeros(MOST_CLASSES + 2)
    counts.scatter_add_(0, places, torch.ones_like(low).expand_as(places))

    def of_classes(highest: int, counted: list[int]) -> list[int] | None:
        return counted[1 : highest + 2] if 0 <= highest < MOST_CLASSES else None

    return {
        "targets.nonfinite": 0,
        "targets.min": low,
        "targets.max": high,
        "targets.counts": Then([high, counts], of_classes),
    }


class Targets(Group):
    """Facts of the loss call's target, if that is a tensor."""

    name: ClassVar[str] = "targets"

    def before_backward(self, seen: Seen) -> Found:
        """Of the whole batch."""
        if not isinstance(seen.target, Tensor):
            return {}
        found, target = describe("targets", seen.target), plain(seen.target)
        if target is None or not target.numel():
            return found
        return found | (values_facts if target.is_floating_point() else class_facts)(target)
