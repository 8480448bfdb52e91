"""Sums and extremes of the columns of a table, for all facts that ask for means and variances.

The table may be large, so it is gone through in pieces: nothing of its size is made. What is left
has the size of a row, and goes to the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.group import Found
from cockpit.linalg import widened

__all__ = ["Columns", "Sums", "pieces", "sums_of", "table"]

PIECE = {"cpu": 2**18}  # elements that are looked at together: what a processor's cache holds
PIECE_ELSEWHERE = 2**24


class Sums(NamedTuple):
    """What is found of a table's columns, on its device or the host; all of shape [J].

    Attributes:
        finite: Number of finite elements.
        mean: Their mean, rounded; 0 where there are none.
        squares: Sum of the squares of their distances from it.
        low: The smallest; +∞ where there are none.
        high: The largest; −∞ where there are none.
    """

    finite: Tensor | np.ndarray
    mean: Tensor | np.ndarray
    squares: Tensor | np.ndarray
    low: Tensor | np.ndarray
    high: Tensor | np.ndarray


class Columns(NamedTuple):
    """What is to be known of a table's finite elements, on the host.

    Attributes:
        finite: Their number.
        mean, variance: Of all of them; the variance is over their number.
        low, high: The smallest and the largest; ±∞ if there are none.
        columns: Number of columns.
        varying: Of those whose elements are not all equal.
        offset: Mean over the columns of their squared mean.
        spread: Mean over the columns of their variance, exactly 0 for one that does not vary.
        largest, smallest: The largest and the smallest variance of a column that varies.
    """

    finite: float
    mean: float
    variance: float
    low: float
    high: float
    columns: int
    varying: int
    offset: float
    spread: float
    largest: float
    smallest: float

    @classmethod
    def of(cls, *sums: np.ndarray) -> Columns:
        """From the fields of :class:`Sums`."""
        return cls(*scan.summary(*(np.asarray(x, np.float64) for x in sums)))

    def facts(self, prefix: str, size: int) -> Found:
        """How many elements are not finite, and the extremes of the others.

        Args:
            prefix: Of the names.
            size: Number of elements.
        """
        found: Found = {f"{prefix}.nonfinite": size - int(self.finite)}
        return found | (
            {f"{prefix}.min": self.low, f"{prefix}.max": self.high} if self.finite else {}
        )


def table(x: Tensor) -> Tensor:
    """A batch [N, *] as [N, J], or, of images [N, C, *, *], as [N, C, P]: a column is a channel."""
    if x.dim() < 2:
        return x.reshape(-1, 1)
    return x.flatten(2) if x.dim() > 3 else x.flatten(1)


def pieces(x: Tensor) -> Iterable[Tensor]:
    """Some rows at a time."""
    size, whole = PIECE.get(x.device.type, PIECE_ELSEWHERE), x.numel()
    return (x,) if whole <= size else x.split(max(1, size * len(x) // whole))


def sums_of(rows: Tensor) -> Sums:
    """Sums and extremes of the columns, computed in at least single precision.

    Args:
        rows: Floats, shape [N, J] or [N, J, P], see :func:`table`; not empty.
    """
    axes = (0,) if rows.dim() == 2 else (0, 2)
    if rows.dim() == 2 and scan.serves(rows):
        found = scan.column_sums(rows)
        if found is not None:
            return Sums(*found)
    elif rows.is_cpu:  # elsewhere to ask whether all is finite would mean to wait for the device
        size = rows.numel() // rows.shape[1]
        mean = _sum(widened(x).sum(axes) for x in pieces(rows)).div_(size)
        if np.isfinite(mean.numpy()).all():
            return _of_finite(rows, axes, mean)
    return _of_others(rows, axes)


def _of_finite(rows: Tensor, axes: tuple[int, ...], mean: Tensor) -> Sums:
    center = mean if rows.dim() == 2 else mean.unsqueeze(1)
    squares = _sum((widened(x) - center).square_().sum(axes) for x in pieces(rows))
    low = reduce(torch.minimum, (x.amin(axes) for x in pieces(rows)))
    high = reduce(torch.maximum, (x.amax(axes) for x in pieces(rows)))
    count = torch.full_like(mean, rows.numel() // len(mean), dtype=torch.int64)
    return Sums(count, mean, squares, widened(low), widened(high))


def _of_others(rows: Tensor, axes: tuple[int, ...]) -> Sums:
    """The same where some elements may be NaN or ±∞."""
    several = []
    for x in map(widened, pieces(rows)):
        ok = x.isfinite()
        low, high = torch.where(ok, x, torch.inf), torch.where(ok, x, -torch.inf)
        total = torch.where(ok, x, 0).sum(axes)
        several.append((ok.sum(axes), total, low.amin(axes), high.amax(axes)))
    count, total, low, high = (torch.stack(found) for found in zip(*several, strict=True))
    count = count.sum(0)
    mean = total.sum(0) / count.clamp_min(1)
    center = mean if rows.dim() == 2 else mean.unsqueeze(1)
    away = (torch.where(x.isfinite(), x - center, 0) for x in map(widened, pieces(rows)))
    squares = _sum(distance.square_().sum(axes) for distance in away)
    return Sums(count, mean, squares, low.amin(0), high.amax(0))


def _sum(parts: Iterator[Tensor]) -> Tensor:
    return reduce(torch.add, parts)
