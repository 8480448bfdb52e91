"""Means, variances and extremes of the columns of a table, for all facts that ask for them.

The table may be large, so it is gone through in pieces: nothing of its size is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from cockpit.linalg import widened

__all__ = ["Columns", "columns_of", "pieces", "table"]

PIECE = {"cpu": 2**18}  # elements that are looked at together: what a processor's cache holds
PIECE_ELSEWHERE = 2**24


@dataclass(frozen=True)
class Columns:
    """What the finite elements of a table say, column by column.

    Attributes:
        nonfinite: Number of the other elements.
        share: Of each column among the finite elements, shape [J].
        mean: Shape [J]; 0 where none is finite.
        variance: Over the count, shape [J]; exactly 0 where all are equal.
        low: The smallest, shape [J]; +∞ where none is finite.
        high: The largest, shape [J]; −∞ where none is finite.
    """

    nonfinite: Tensor | int
    share: Tensor
    mean: Tensor
    variance: Tensor
    low: Tensor
    high: Tensor

    def whole(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of all elements; NaN if none is finite."""
        mean = self.share @ self.mean
        return mean, self.share @ (self.mean - mean).square_().add_(self.variance)


def table(x: Tensor) -> Tensor:
    """A batch [N, *] as [N, J], or, of images [N, C, *, *], as [N, C, P]: a column is a channel."""
    if x.dim() < 2:
        return x.reshape(-1, 1)
    return x.flatten(2) if x.dim() > 3 else x.flatten(1)


def pieces(x: Tensor) -> Iterable[Tensor]:
    """Some rows at a time."""
    size, whole = PIECE.get(x.device.type, PIECE_ELSEWHERE), x.numel()
    return (x,) if whole <= size else x.split(max(1, size * len(x) // whole))


def columns_of(rows: Tensor) -> Columns:
    """Moments and extremes of the columns, computed in at least single precision.

    Args:
        rows: Floats, shape [N, J] or [N, J, P], see :func:`table`; not empty.
    """
    axes = (0,) if rows.dim() == 2 else (0, 2)
    if rows.is_cpu:  # elsewhere to ask whether all is finite would mean to wait for the device
        low, high = _extremes(rows, axes)
        if math.isfinite(float((high - low).sum())):
            return _of_finite(rows, axes, low, high)
    return _of_others(rows, axes)


def _of_finite(rows: Tensor, axes: tuple[int, ...], low: Tensor, high: Tensor) -> Columns:
    size = rows.numel() // len(low)
    mean = _sum(widened(x).sum(axes) for x in pieces(rows)).div_(size)
    center = mean if rows.dim() == 2 else mean.unsqueeze(1)
    squares = _sum((widened(x) - center).square_().sum(axes) for x in pieces(rows))
    variance = _variance(squares.div_(size), low, high)
    return Columns(0, torch.full_like(mean, 1 / len(mean)), mean, variance, low, high)


def _of_others(rows: Tensor, axes: tuple[int, ...]) -> Columns:
    """The same where some elements may be NaN or ±∞."""
    pairs = [(x, x.isfinite()) for x in map(widened, pieces(rows))]
    low = reduce(torch.minimum, (torch.where(ok, x, torch.inf).amin(axes) for x, ok in pairs))
    high = reduce(torch.maximum, (torch.where(ok, x, -torch.inf).amax(axes) for x, ok in pairs))
    count = _sum(ok.sum(axes) for _, ok in pairs)
    size = count.clamp_min(1)
    mean = _sum(torch.where(ok, x, 0).sum(axes) for x, ok in pairs) / size
    center = mean if rows.dim() == 2 else mean.unsqueeze(1)
    squares = _sum(torch.where(ok, x - center, 0).square_().sum(axes) for x, ok in pairs)
    share = count / count.sum()
    variance = _variance(squares / size, low, high)
    return Columns(rows.numel() - count.sum(), share.to(mean), mean, variance, low, high)


def _extremes(rows: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    low = reduce(torch.minimum, (x.amin(axes) for x in pieces(rows)))
    high = reduce(torch.maximum, (x.amax(axes) for x in pieces(rows)))
    return widened(low), widened(high)


def _sum(parts: Iterator[Tensor]) -> Tensor:
    return reduce(torch.add, parts)


def _variance(found: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Exactly 0, not what rounding leaves of it, where all elements are equal."""
    return found.mul_(low < high)
