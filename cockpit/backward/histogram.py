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
        inside = chunk.abs() < self._core  # False for NaN
        negative = (chunk < 0) & inside
        if self._row_of is None:
            self._add_core(negative.count_nonzero(), inside.count_nonzero())
        else:
            self._add_core(negative.sum(0), inside.sum(0))
        self.zeros += chunk.numel() - chunk.count_nonzero()
        outside = torch.logical_not(inside, out=inside)
        values = chunk[outside]
        if values.numel():
            rows = None
            if self._row_of is not None:
                rows = self._row_of.expand(chunk.shape)[outside]
            self._add_one_by_one(values, rows)

    def add_rank_one(self, a: Tensor, b: Tensor) -> None:
        """Count gₙ = bₙaₙᵀ for a [N, i] and b [N, o], forming only the rows that leave the core."""
        tame = a.abs().amax(1, keepdim=True) * b.abs() < self._core
        up, down = (b > 0) & tame, (b < 0) & tame
        a_up, a_down = a > 0, a < 0
        nonzero = (up | down).sum(1) * (a_up | a_down).sum(1)
        self.zeros += (tame.sum(1) * a.shape[1] - nonzero).sum()
        if self._row_of is None:
            negative = (up.sum(1) * a_down.sum(1) + down.sum(1) * a_up.sum(1)).sum()
            self._add_core(negative, tame.count_nonzero() * a.shape[1])
        else:
            # Counts up to 2^24 are exact in single precision.
            negative = up.float().T @ a_down.float() + down.float().T @ a_up.float()
            total = tame.sum(0).unsqueeze(1).expand_as(negative)
            self._add_core(negative.flatten().long(), total.flatten())
        self._add_wild_units(a, b, ~tame)

    def _add_wild_units(self, a: Tensor, b: Tensor, wild: Tensor) -> None:
        samples, units = wild.nonzero(as_tuple=True)
        width = a.shape[1]
        row_of = None if self._row_of is None else self._row_of.view(-1, width)
        step = max(1, CHUNK // width)
        for start in range(0, len(samples), step):
            n, j = samples[start : start + step], units[start : start + step]
            chunk = a[n] * b[n, j].unsqueeze(1)
            self.zeros += chunk.numel() - chunk.count_nonzero()
            if row_of is not None:
                self._add_one_by_one(chunk.flatten(), row_of[j].flatten())
                continue
            inside = chunk.abs() < self._core
            self._add_core(((chunk < 0) & inside).count_nonzero(), inside.count_nonzero())
            self._add_one_by_one(chunk[~inside], None)

    def _add_core(self, negative: Tensor, total: Tensor) -> None:
        """Count core elements by sign: numbers, or one number for each of the P elements."""
        for column, counts in ((self._negative, negative), (self._positive, total - negative)):
            if self._row_of is None:
                self.table[0, column] += counts
            else:
                self.table[:, column].index_add_(0, self._row_of, counts)

    def _add_one_by_one(self, values: Tensor, rows: Tensor | None) -> None:
        finite = torch.isfinite(values)
        if not bool(finite.all()):
            self.nonfinite += torch.count_nonzero(~finite)
            values = values[finite]
            rows = None if rows is None else rows[finite]
        place = bin_index(values, self._y)
        flat = place if rows is None else rows * self.table.shape[1] + place
        self.table.view(-1).add_(torch.bincount(flat, minlength=self.table.numel()))


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
