"""Facts of what the loss function compares the model's output with."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.moments import Columns, sums_of

__all__ = ["Targets", "class_facts", "values_facts"]

MOST_CLASSES = 1000


def values_facts(target: Tensor) -> Found:
    """Numbers of targets that are floats; those that are finite.

    Args:
        target: Shape [N, *], not empty.
    """
    rows = target.reshape(len(target), -1) if target.dim() else target.view(1, 1)
    several, size = len(rows) > 1, rows.numel()

    def make(*sums: np.ndarray) -> Found:
        columns = Columns.of(*sums)
        found = columns.facts("targets", size)
        if columns.finite:
            found |= {"targets.mean": columns.mean, "targets.std": math.sqrt(columns.variance)}
        return found | ({"targets.variance": columns.spread} if several else {})

    return {"targets": Then(sums_of(rows), make)}


def class_facts(target: Tensor) -> Found:
    """Numbers of targets that are integers, and how often each class is there.

    Negative ones (as of an ignored target) are in no class. Above class 999 nothing is counted.

    Args:
        target: Any shape, not empty.
    """
    low, high, counts = _counted(target.reshape(-1).long())

    def make(low: int, high: int, counts: np.ndarray) -> Found:
        found: Found = {"targets.nonfinite": 0, "targets.min": low, "targets.max": high}
        if 0 <= high < MOST_CLASSES:
            found["targets.counts"] = counts[: high + 1]
        return found

    return {"targets": Then([low, high, counts], make)}


def _counted(indices: Tensor) -> tuple[Any, Any, Tensor | np.ndarray]:
    """The smallest, the largest, and how often each class is there."""
    if scan.serves(indices):
        return scan.class_counts(indices, MOST_CLASSES)
    places = indices.clamp(-1, MOST_CLASSES).add_(1)  # the first and the last are for all others
    counts = indices.new_zeros(MOST_CLASSES + 2)
    counts.scatter_add_(0, places, torch.ones_like(places))
    return *indices.aminmax(), counts[1:-1]


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
