"""Counting individual gradient elements in uniform bins, without clipping any.

Nearly all elements lie in the bins that touch zero. So elements are counted by their signs, and
only those beyond the *core* around zero are looked up one by one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cockpit.log.record import Bins

__all__ = ["HistogramCounter", "bin_index"]

CHUNK = 2**20  # elements that are looked up at a time


def bin_index(values: Tensor, bins: Bins) -> Tensor:
    """Place of each value among ``bins.count + 2`` columns, the outer two for below and above."""
    edges = torch.as_tensor(bins.edges(), dtype=values.dtype, device=values.device)
    return torch.bucketize(values, edges, right=True)


class HistogramCounter:
    """Accumulates joint counts of (θⱼ, gₙⱼ) over chunks of individual gradients.

    Args:
        y: Bins of the gradient elements.
        row_of: For each of the parameter's P elements the row of the table that it is counted in,
            shape [P]; ``None`` for a table of one row (a plain histogram).
        rows: Number of rows of the table.
        device: Where the chunks live.

    Attributes:
        table: int64 counts, shape [rows, y.count + 2]; first and last column: below and above.
        zeros: Number of elements that are exactly zero.
        nonfinite: Number of elements that are NaN or ±Inf; these are counted nowhere else.
    """

    def __init__(self, y: Bins, row_of: Tensor | None, rows: int, device: torch.device) -> None:
        self._y = y
        self._row_of = row_of
        self._negative, self._positive, self._core = core(y)
        self.table = torch.zeros(rows, y.count + 2, dtype=torch.int64, device=device)
        self.zeros = torch.zeros((), dtype=torch.int64, device=device)
        self.nonfinite = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, chunk: Tensor) -> None:
        """Count individual gradients, shape [n, P]."""
        self.zeros += chunk.numel() - chunk.count_nonzero()
        self._add_by_sign(chunk < 0, chunk.shape)
        low, high = chunk.aminmax()
        if -self._core < low and high < self._core:  # not so where one is NaN
            return
        outside = ~(chunk.abs() < self._core)
        rows = None if self._row_of is None else self._row_of.expand(chunk.shape)[outside]
        self._move(chunk[outside], rows)

    def add_rank_one(self, a: Tensor, b: Tensor) -> None:
        """Count gₙ = bₙaₙᵀ for a [N, i] and b [N, o], forming only elements beyond the core."""
        if self._core == 0 or not bool(torch.isfinite(a.sum() * b.sum())):
            step = max(1, CHUNK // (a.shape[1] * b.shape[1]))
            for x, y in zip(a.split(step), b.split(step), strict=True):
                self.add((y.unsqueeze(2) * x.unsqueeze(1)).flatten(1))
            return
        nonzero = b.count_nonzero(1) * a.count_nonzero(1)
        self.zeros += a.shape[1] * b.numel() - nonzero.sum()
        self._add_signs_of_products(a, b)
        self._move_large_products(a, b)

    def _add_by_sign(self, negative: Tensor, shape: torch.Size) -> None:
        """Count all elements beside zero, on the side of their sign."""
        if self._row_of is None:
            below = negative.count_nonzero()
            self.table[0, self._negative] += below
            self.table[0, self._positive] += shape.numel() - below
        else:
            self._add_columns(negative.sum(0), shape[0])

    def _add_signs_of_products(self, a: Tensor, b: Tensor) -> None:
        a_up, a_down, b_up, b_down = a > 0, a < 0, b > 0, b < 0
        if self._row_of is None:
            below = (b_up.sum(1) * a_down.sum(1) + b_down.sum(1) * a_up.sum(1)).sum()
            self.table[0, self._negative] += below
            self.table[0, self._positive] += a.shape[1] * b.numel() - below
        else:
            # Counts up to 2^24 are exact in single precision.
            below = b_up.float().T @ a_down.float() + b_down.float().T @ a_up.float()
            self._add_columns(below.flatten().long(), a.shape[0])

    def _add_columns(self, below: Tensor, samples: int) -> None:
        """Count ``samples`` elements for each of the P elements, ``below`` of them negative."""
        for column, counts in ((self._negative, below), (self._positive, samples - below)):
            self.table[:, column].index_add_(0, self._row_of, counts)  # type: ignore[arg-type]

    def _move_large_products(self, a: Tensor, b: Tensor) -> None:
        """Find the elements that may leave the core from sorted |a|, without forming the others."""
        size, order = a.abs().sort(1)
        # A little less than needed, so that rounding loses none; :meth:`_move` looks exactly.
        needed = self._core * (1 - 1e-5) / b.abs()
        found = a.shape[1] - torch.searchsorted(size, needed)
        samples, units = found.nonzero(as_tuple=True)
        counts = found[samples, units]
        ends = counts.cumsum(0)
        start = 0
        while start < len(counts):
            limit = ends[start] - counts[start] + max(CHUNK, int(counts[start]))
            stop = int(torch.searchsorted(ends, limit, right=True))
            part = slice(start, stop)
            n = samples[part].repeat_interleave(counts[part])
            j = units[part].repeat_interleave(counts[part])
            # Counts down from the largest |a| of the sample.
            place = ends[part].repeat_interleave(counts[part]) - torch.arange(
                int(ends[start] - counts[start]), int(ends[stop - 1]), device=a.device
            )
            k = order[n, a.shape[1] - place]
            rows = None if self._row_of is None else self._row_of[j * a.shape[1] + k]
            self._move(a[n, k] * b[n, j], rows)
            start = stop

    def _move(self, values: Tensor, rows: Tensor | None) -> None:
        """Take elements that were counted by their sign, and count them where they belong."""
        if not values.numel():
            return
        first = 0 if rows is None else rows * self.table.shape[1]
        beside_zero = torch.where(values < 0, self._negative, self._positive)
        self.table.view(-1).sub_(self._tally(first + beside_zero))
        finite = torch.isfinite(values)
        place = first + bin_index(values, self._y)
        if not bool(finite.all()):
            self.nonfinite += torch.count_nonzero(~finite)
            place = place[finite]
        self.table.view(-1).add_(self._tally(place))

    def _tally(self, places: Tensor) -> Tensor:
        return torch.bincount(places, minlength=self.table.numel())


def core(bins: Bins) -> tuple[int, int, float]:
    """Columns of small negative and of small non-negative values, and how small they must be.

    Where zero lies outside the range there is no core: the last number is 0.
    """
    edges = bins.edges()
    positive = int(np.searchsorted(edges, 0.0, side="right"))
    if not 1 <= positive <= bins.count:
        return positive, positive, 0.0
    if edges[positive - 1] < 0:  # zero is inside a bin
        return positive, positive, float(min(-edges[positive - 1], edges[positive]))
    if positive == 1:  # zero is the lower end of the range
        return 0, 1, float(edges[1])
    return positive - 1, positive, float(min(-edges[positive - 2], edges[positive]))
