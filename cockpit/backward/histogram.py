"""Counting individual gradient elements in uniform bins, without clipping any.

Nearly all elements lie in the bins that touch zero. So elements are counted by their signs, and
only those beyond the *core* around zero are looked up one by one. On the CPU
:mod:`cockpit.backward.kernels` does the same in compiled loops.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from cockpit.backward import kernels
from cockpit.backward.memory_order import MemoryOrder
from cockpit.log.record import Bins

__all__ = ["HistogramCounter", "bin_index", "prepare"]

CHUNK = 2**20  # elements that are looked up at a time


def bin_index(values: Tensor, bins: Bins) -> Tensor:
    """Place of each value among ``bins.count + 2`` columns, the outer two for below and above."""
    if kernels.serves(values):
        return kernels.rows_of(values, padded_edges(bins, values.numpy().dtype))
    edges = torch.as_tensor(bins.edges(), dtype=values.dtype, device=values.device)
    return torch.bucketize(values, edges, right=True, out_int32=True)


def prepare(like: Tensor) -> None:
    """Have the compiled loops ready before training, for parameters such as this one."""
    x = torch.ones(2, 2, dtype=like.dtype if like.dtype == torch.float64 else torch.float32)
    if like.device.type != "cpu" or not kernels.serves(x):
        return
    bins = Bins(-1.0, 1.0, 2)
    rows = bin_index(torch.zeros(4, dtype=x.dtype), bins)
    for row_of in (None, rows):
        counter = HistogramCounter(bins, row_of, 4, x.device)
        counter.add_rank_one(x, x)
        counter.add(x.repeat(1, 2))
    kernels.scan_chunk(x, 1.0, None, None, None)


class HistogramCounter:
    """Accumulates joint counts of (θⱼ, gₙⱼ) over chunks of individual gradients.

    Args:
        y: Bins of the gradient elements.
        row_of: For each of the parameter's P elements the row of the table that it is counted in,
            shape [P]; ``None`` for a table of one row (a plain histogram).
        rows: Number of rows of the table.
        device: Where the chunks live.

    Attributes:
        shape: Of the table.
        zeros: Number of elements that are exactly zero.
        nonfinite: Number of elements that are NaN or ±Inf; these are counted nowhere else.
    """

    def __init__(self, y: Bins, row_of: Tensor | None, rows: int, device: torch.device) -> None:
        self._y = y
        self._given = self._row_of = row_of  # in the parameter's order, and in that of the chunks
        self._negative, self._positive, self._core = core(y)
        self._table = torch.zeros(rows, y.count + 2, dtype=torch.int64, device=device)
        # Of a joint histogram, signs are counted element by element and put in their rows later.
        self._seen = 0
        self._below = None if row_of is None else torch.zeros_like(row_of, dtype=torch.int64)
        self.shape = tuple(self._table.shape)
        self.zeros = torch.zeros((), dtype=torch.int64, device=device)
        self.nonfinite = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def table(self) -> Tensor:
        """int64 counts, shape [rows, y.count + 2]; first and last column: below and above."""
        self._put_signs_in_rows()
        return self._table

    def arrange(self, order: MemoryOrder) -> None:
        """Expect chunks with their elements in this order from now on."""
        if self._given is not None:
            self._put_signs_in_rows()
            self._row_of = order.flat(self._given)

    def add(self, chunk: Tensor) -> None:
        """Count individual gradients, shape [n, P]."""
        if kernels.serves(chunk):
            kernels.scan_chunk(chunk.contiguous(), 1.0, None, None, self)
            return
        self.zeros += chunk.numel() - chunk.count_nonzero()
        negative = chunk < 0
        if self._below is None:
            self._add_signs(negative.count_nonzero(), chunk.numel())
        else:
            self._below += negative.sum(0)
            self._seen += len(chunk)
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
        if kernels.serves(a):
            if self._row_of is not None:
                sides = (self._negative, self._positive)
                kernels.count_joint_signs(a, b, self._row_of, self._table, sides)
            kernels.scan_products(a, b, self)
            return
        nonzero = b.count_nonzero(1) * a.count_nonzero(1)
        self.zeros += a.shape[1] * b.numel() - nonzero.sum()
        if self._below is None:
            below = (b > 0).sum(1) * (a < 0).sum(1) + (b < 0).sum(1) * (a > 0).sum(1)
            self._add_signs(below.sum(), a.shape[1] * b.numel())
        else:
            self._add_joint_signs(a, b)
        self._move_large_products(a, b)

    def layout(self, dtype: np.dtype) -> tuple[np.ndarray | np.generic | int, ...]:
        """Edges with ∓Inf around them, core, columns beside zero, rows, and signs to add to."""
        nothing = np.empty(0, np.int64)
        return (
            padded_edges(self._y, dtype),
            dtype.type(self._core),
            np.array([self._negative, self._positive]),
            nothing.astype(np.int32) if self._row_of is None else self._row_of.numpy(),
            nothing if self._below is None else self._below.numpy(),
        )

    def take(self, rows: int, table: Tensor, zeros: int, nonfinite: int) -> None:
        """Add what the compiled loops have counted over so many rows of individual gradients."""
        self._table += table
        self._seen += rows
        self.zeros += zeros
        self.nonfinite += nonfinite

    def _put_signs_in_rows(self) -> None:
        if self._below is None or not self._seen:
            return
        for column, counts in (
            (self._negative, self._below),
            (self._positive, self._seen - self._below),
        ):
            self._table[:, column].index_add_(0, self._row_of, counts)  # type: ignore[arg-type]
        self._below.zero_()
        self._seen = 0

    def _add_signs(self, below: Tensor, number: int) -> None:
        """Count all elements beside zero, on the side of their sign."""
        self._table[0, self._negative] += below
        self._table[0, self._positive] += number - below

    def _add_joint_signs(self, a: Tensor, b: Tensor) -> None:
        """Count for each weight the samples whose product is negative."""
        assert self._below is not None
        # Counts up to 2^24 are exact in single precision.
        below = torch.cat([b > 0, b < 0]).float().T @ torch.cat([a < 0, a > 0]).float()
        self._below += below.flatten().long()
        self._seen += len(a)

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
        first = 0 if rows is None else rows * self.shape[1]
        beside_zero = torch.where(values < 0, self._negative, self._positive)
        self._table.view(-1).sub_(self._tally(first + beside_zero))
        finite = torch.isfinite(values)
        place = first + bin_index(values, self._y)
        if not bool(finite.all()):
            self.nonfinite += torch.count_nonzero(~finite)
            place = place[finite]
        self._table.view(-1).add_(self._tally(place))

    def _tally(self, places: Tensor) -> Tensor:
        return torch.bincount(places, minlength=self._table.numel())


@cache
def padded_edges(bins: Bins, dtype: np.dtype) -> np.ndarray:
    return np.concatenate([[-np.inf], bins.edges(), [np.inf]]).astype(dtype)


@cache
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
