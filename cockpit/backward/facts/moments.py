"""Means, variances and extremes of the columns of a table, for all facts that ask for them.

The table may be large, so it is gone through in pieces: nothing of its size is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cockpit.linalg import widened

__all__ = ["Columns", "columns_of", "known", "pieces", "table"]

PIECE = {"cpu": 2**18}  # elements that are looked at together: what a processor's cache holds
PIECE_ELSEWHERE = 2**24


@dataclass(frozen=True)
class Columns:
    """What the finite elements of a table say, column by column.

    Attributes:
        size: Number of elements, finite or not.
        count: Finite ones of each column, int64, shape [J].
        mean: Their mean, shape [J]; 0 where there are none.
        variance: Their variance (over the count), shape [J]; exactly 0 where all are equal.
        low: The smallest, shape [J]; +∞ where there are none.
        high: The largest, shape [J]; −∞ where there are none.
    """

    size: int
    count: Tensor
    mean: Tensor
    variance: Tensor
    low: Tensor
    high: Tensor

    @property
    def nonfinite(self) -> Tensor:
        """Number of elements that are NaN or ±∞."""
        return self.size - self.count.sum()

    @property
    def smallest(self) -> Tensor:
        """Of all elements; NaN if none is finite."""
        return known(self.low.amin())

    @property
    def largest(self) -> Tensor:
        """Of all elements; NaN if none is finite."""
        return known(self.high.amax())

    def whole(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of all elements; NaN if none is finite."""
        share = self.count / self.count.sum()
        mean = (share * self.mean).sum()
        return mean, (share * (self.variance + (self.mean - mean).square())).sum()


def known(x: Tensor) -> Tensor:
    """NaN in the place of ±∞: what can't be had."""
    return torch.where(x.isfinite(), x, torch.nan)


def table(x: Tensor) -> Tensor:
    """A batch [N, *] as [N, J], or, of images [N, C, *, *], as [N, C, P]: a column is a channel."""
    if x.dim() < 2:
        return x.reshape(-1, 1)
    return x.flatten(2) if x.dim() > 3 else x.flatten(1)


def pieces(x: Tensor) -> Iterator[Tensor]:
    """Some rows at a time."""
    size = PIECE.get(x.device.type, PIECE_ELSEWHERE)
    yield from x.split(max(1, size * len(x) // max(1, x.numel())))


def columns_of(rows: Tensor) -> Columns:
    """Moments and extremes of the columns, computed in at least single precision.

    Args:
        rows: Floats, shape [N, J] or [N, J, P], see :func:`table`; not empty.
    """
    axes = (0,) if rows.dim() == 2 else (0, 2)
    # Extremes tell whether all is finite. Elsewhere to ask would mean to wait for the device.
    masked = not rows.is_cpu
    low, high = _extremes(rows, axes, masked)
    if not masked and not bool((low.isfinite() & high.isfinite()).all()):
        masked = True
        low, high = _extremes(rows, axes, masked)
    parts = [_sums(x, axes, masked) for x in pieces(rows)]
    count, total = (torch.stack(several).sum(0) for several in zip(*parts, strict=True))
    mean = total / count.clamp_min(1)
    center = mean if rows.dim() == 2 else mean.unsqueeze(1)
    squares = [_centered(x, center, masked).square_().sum(axes) for x in pieces(rows)]
    variance = torch.stack(squares).sum(0) / count.clamp_min(1)
    variance = torch.where(low < high, variance, 0)  # not what rounding leaves of it
    return Columns(rows.numel(), count, mean, variance, low, high)


def _extremes(rows: Tensor, axes: tuple[int, ...], masked: bool) -> tuple[Tensor, Tensor]:
    lows, highs = [], []
    for x in pieces(rows):
        lows.append((torch.where(x.isfinite(), x, torch.inf) if masked else x).amin(axes))
        highs.append((torch.where(x.isfinite(), x, -torch.inf) if masked else x).amax(axes))
    return widened(torch.stack(lows).amin(0)), widened(torch.stack(highs).amax(0))


def _sums(x: Tensor, axes: tuple[int, ...], masked: bool) -> tuple[Tensor, Tensor]:
    x = widened(x)
    if not masked:
        total = x.sum(axes)
        return torch.full_like(total, x.numel() // len(total), dtype=torch.int64), total
    finite = x.isfinite()
    return finite.sum(axes), torch.where(finite, x, 0).sum(axes)


def _centered(x: Tensor, center: Tensor, masked: bool) -> Tensor:
    """The distance from the center, in memory of its own; 0 for what is not finite."""
    x = widened(x)
    return torch.where(x.isfinite(), x - center, 0) if masked else x - center
