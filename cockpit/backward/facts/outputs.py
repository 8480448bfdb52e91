"""Facts of what the model returned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.moments import Columns, columns_of, pieces
from cockpit.linalg import widened

__all__ = ["Outputs", "outputs_facts"]

NEAR_ONE = 1e-3  # for sums of probabilities, or the precision of their kind of number


def outputs_facts(x: Tensor) -> Found:
    """Numbers of the outputs; means, variances and extremes are of the finite elements.

    Args:
        x: Floats, shape [N, *], not empty.
    """
    columns = columns_of(x.reshape(len(x), -1) if x.dim() else x.view(1, 1))
    low, high = columns.low.amin(), columns.high.amax()
    found = {
        "outputs.nonfinite": columns.nonfinite,
        "outputs.min": low,
        "outputs.max": high,
        "outputs.at_bound": _at_bound(x, low, high),
        "outputs.zeros": 1 - _sum(p.count_nonzero() for p in pieces(_flat(x))) / x.numel(),
    }
    if x.dim() > 1:
        found["outputs.sum_to_one"] = _sum_to_one(x, low)
    if x.dim() and len(x) > 1:
        found["outputs.spread"] = _spread(columns, low, high)
    return found


def _at_bound(x: Tensor, low: Tensor, high: Tensor) -> Then:
    """Share of the elements that share the smallest, or the largest, with another one."""
    flat, size = _flat(x), x.numel()
    at_low = _sum((p == low).count_nonzero() for p in pieces(flat))
    at_high = _sum((p == high).count_nonzero() for p in pieces(flat))

    def make(low: float, high: float, at_low: int, at_high: int) -> float | None:
        if low > high:  # none is finite
            return 0.0
        times = [at_low] if low == high else [at_low, at_high]
        return sum(n for n in times if n > 1) / size

    return Then([low, high, at_low, at_high], make)


def _sum_to_one(x: Tensor, low: Tensor) -> Then:
    """Whether they are probabilities along axis 1."""
    tolerance = max(NEAR_ONE, torch.finfo(x.dtype).eps)
    sums = torch.cat([widened(p).sum(1).flatten() for p in pieces(x)])

    def make(low: float, least: float, most: float) -> bool:
        return low >= 0 and max(abs(least - 1), abs(most - 1)) <= tolerance

    return Then([low, *sums.aminmax()], make)


def _spread(columns: Columns, low: Tensor, high: Tensor) -> Then:
    """Standard deviation over the samples, relative to that of all elements; 0: all are equal."""
    _, whole = columns.whole()

    def make(low: float, high: float, over_samples: float, whole: float) -> float | None:
        if low == high:
            return 0.0
        return math.sqrt(over_samples / whole) if whole > 0 else None

    return Then([low, high, columns.variance.mean(), whole], make)


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1)


def _sum(counts: Iterator[Tensor]) -> Tensor:
    return reduce(torch.add, counts)


class Outputs(Group):
    """Facts of the model's output as the loss function got it."""

    name: ClassVar[str] = "outputs"

    def before_backward(self, seen: Seen) -> Found:
        """Of the whole batch."""
        if seen.output is None:
            return {}
        found, x = describe("outputs", seen.output), plain(seen.output)
        if x is None or not x.numel() or not x.is_floating_point():
            return found
        return found | outputs_facts(x)
