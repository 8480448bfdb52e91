"""Compiled looks at tables on the CPU: everything from one look at each element.

An accelerator: :mod:`cockpit.backward.facts.moments` and its neighbours have a path in plain torch
that gives the same numbers, for other devices and kinds of numbers. :func:`summary`,
:func:`number_of_repeats` and :func:`number_of_twins` serve both, on what has come to the host.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.loops import COMPILED, _compiled

__all__ = [
    "bits_hashes",
    "class_counts",
    "column_sums",
    "label_places",
    "number_of_repeats",
    "number_of_twins",
    "prepare",
    "serves",
    "summary",
    "value_counts",
]

SERVED = (torch.float32, torch.float64, torch.int32, torch.int64)


def serves(x: Tensor) -> bool:
    """Whether the compiled loops can take this tensor."""
    return COMPILED and x.is_cpu and x.dtype in SERVED and x.is_contiguous()


def prepare(dtype: torch.dtype) -> None:
    """Have the loops ready before training, for batches of this kind of number."""
    x = torch.ones(2, 2, dtype=dtype)
    if not serves(x):
        return
    sums, factors = column_sums(x), torch.ones(2, dtype=torch.int64)
    bits = x.view(torch.int32 if dtype == torch.float32 else torch.int64)
    of_rows, of_columns = bits_hashes(bits, factors, factors)
    number_of_twins(of_rows, of_rows)
    value_counts(x, 0.0, 1.0)
    class_counts(factors, 1)
    label_places(x, factors, -100, 2)
    if sums is not None:
        summary(*sums)
        number_of_repeats(of_columns, *sums[3:])


def column_sums(rows: Tensor) -> tuple[np.ndarray, ...] | None:
    """What :class:`~cockpit.backward.facts.moments.Sums` says; ``None`` if not all is finite.

    Args:
        rows: Floats, shape [N, J].
    """
    x = rows.numpy()
    numbers = np.empty((5, x.shape[1]))
    return tuple(numbers) if math.isfinite(_scan_columns(x, *numbers)) else None


def bits_hashes(
    bits: Tensor, by_column: Tensor, by_row: Tensor | None
) -> tuple[np.ndarray, np.ndarray]:
    """Σₖ bₙₖ fₖ of each row n, and Σₙ bₙₖ gₙ of each column k, modulo 2⁶⁴.

    Args:
        bits: b, shape [N, D], integers.
        by_column: f, shape [D], int64.
        by_row: g, shape [N], int64; ``None``: nothing is asked of the columns.
    """
    b, f = bits.numpy(), by_column.numpy()
    rows = np.empty(len(b), np.int64)
    columns = np.zeros(0 if by_row is None else b.shape[1], np.int64)
    _scan_bits(b, f, f[:0] if by_row is None else by_row.numpy(), rows, columns)
    return rows, columns


def value_counts(rows: Tensor, low: float, high: float) -> tuple[int, int, int, float, float]:
    """How many elements are equal to two numbers, and not to 0; extremes of the sums of rows.

    Args:
        rows: Floats, shape [N, J].
        low: The one number.
        high: The other.
    """
    found: tuple[int, int, int, float, float] = _scan_values(rows.numpy(), low, high)
    return found


def class_counts(indices: Tensor, most: int) -> tuple[int, int, np.ndarray]:
    """The smallest and the largest, and how often 0, …, ``most`` − 1 are there.

    Args:
        indices: int64, shape [n].
        most: Up to where to count.
    """
    counts = np.zeros(most, np.int64)
    low, high = _count_classes(indices.numpy(), counts)
    return low, high, counts


def label_places(
    rows: Tensor, labels: Tensor, ignored: int, most: int
) -> tuple[np.ndarray, int, int]:
    """What :func:`~cockpit.backward.facts.labels.labels_facts` counts.

    Args:
        rows: Scores, shape [N, C].
        labels: Classes, shape [N], int64.
        ignored: A label that stands for none.
        most: How many labels to take, evenly spaced.

    Returns:
        The shares of the quarters, added up; how many labels are right, and how many count.
    """
    quarters, counts = np.zeros(4), np.zeros(rows.shape[1])
    taken = min(len(rows), most)
    right, count = _place_labels(rows.numpy(), labels.numpy(), ignored, taken, counts, quarters)
    return quarters, right, count


@_compiled
def _scan_columns(x, count, mean, squares, low, high):  # type: ignore[no-untyped-def]
    """Fill the arrays; their sum, which is not finite where an element is not."""
    size = x.shape[0]
    first = x[0].astype(np.float64)  # near the mean, so that little is lost in the squares
    mean[:] = 0
    squares[:] = 0
    low[:] = first
    high[:] = first
    for n in range(size):
        _add_row(x[n], first, mean, squares, low, high)
    total = 0.0
    for k in range(x.shape[1]):
        away = mean[k] / size
        squares[k] = max(squares[k] - mean[k] * away, 0.0)
        mean[k] = first[k] + away
        count[k] = size
        total += mean[k]
    return total


@_compiled
def _add_row(row, first, sums, squares, low, high):  # type: ignore[no-untyped-def]
    for k in range(row.size):
        value = np.float64(row[k])
        away = value - first[k]
        sums[k] += away
        squares[k] += away * away
        low[k] = value if value < low[k] else low[k]
        high[k] = value if value > high[k] else high[k]


@_compiled
def summary(count, mean, squares, low, high):  # type: ignore[no-untyped-def]
    """All columns together, see :class:`~cockpit.backward.facts.moments.Columns`."""
    columns = mean.size
    total, center = 0.0, 0.0
    for k in range(columns):
        total += count[k]
        center += count[k] * mean[k]
    center = center / total if total > 0 else 0.0
    least, most = np.inf, -np.inf
    variance, spread, offset = 0.0, 0.0, 0.0
    varying, largest, smallest = 0, 0.0, np.inf
    for k in range(columns):
        variance += count[k] * (mean[k] - center) ** 2
        offset += mean[k] * mean[k]
        least = min(least, low[k])
        most = max(most, high[k])
        own = squares[k] / max(count[k], 1)
        if low[k] < high[k] and own > 0:  # else it is what rounding leaves of 0
            variance += squares[k]
            spread += own
            varying += 1
            largest = max(largest, own)
            smallest = min(smallest, own)
    variance = variance / total if total > 0 else 0.0
    return (
        total, center, variance, least, most, columns, varying, offset / columns,
        spread / columns, largest, smallest,
    )  # fmt: skip


@_compiled
def number_of_repeats(hashes, low, high):  # type: ignore[no-untyped-def]
    """How many columns that vary were there before, by their fingerprints and extremes."""
    chosen, size = np.empty(hashes.size, np.int64), 0
    for k in range(hashes.size):
        if low[k] < high[k]:
            chosen[size] = hashes[k]
            size += 1
    ordered, repeats = np.sort(chosen[:size]), 0
    for k in range(1, size):
        repeats += ordered[k] == ordered[k - 1]
    return repeats


@_compiled
def number_of_twins(hashes, known):  # type: ignore[no-untyped-def]
    """How many are equal to another one, and how many are among the known ones."""
    ordered, others = np.sort(hashes), np.sort(known)
    twins, again, place = 0, 0, 0
    for k in range(ordered.size):
        one = ordered[k]
        before = k > 0 and ordered[k - 1] == one
        after = k + 1 < ordered.size and ordered[k + 1] == one
        twins += before or after
        while place < others.size and others[place] < one:
            place += 1
        again += place < others.size and others[place] == one
    return twins, again


@_compiled
def _scan_bits(bits, by_column, by_row, rows, columns):  # type: ignore[no-untyped-def]
    for n in range(bits.shape[0]):
        rows[n] = _hash(bits[n], by_column)
        if columns.size:
            _add_times(bits[n], by_row[n], columns)


@_compiled
def _hash(bits, factors):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for k in range(bits.size):
        total += np.int64(bits[k]) * factors[k]
    return total


@_compiled
def _add_times(bits, factor, totals):  # type: ignore[no-untyped-def]
    for k in range(bits.size):
        totals[k] += np.int64(bits[k]) * factor


@_compiled
def _scan_values(x, low, high):  # type: ignore[no-untyped-def]
    at_low, at_high, filled = 0, 0, 0
    least, most = np.inf, -np.inf
    for n in range(x.shape[0]):
        total = 0.0
        for k in range(x.shape[1]):
            value = np.float64(x[n, k])
            at_low += value == low
            at_high += value == high
            filled += value != 0
            total += value
        least = min(least, total)
        most = max(most, total)
    return at_low, at_high, filled, least, most


@_compiled
def _count_classes(indices, counts):  # type: ignore[no-untyped-def]
    low, high = indices[0], indices[0]
    for k in range(indices.size):
        index = indices[k]
        low, high = min(low, index), max(high, index)
        if 0 <= index < counts.size:
            counts[index] += 1
    return low, high


@_compiled
def _place_labels(x, labels, ignored, taken, counts, quarters):  # type: ignore[no-untyped-def]
    size, classes = x.shape
    count, right = 0, 0
    for j in range(taken):
        n = j * size // taken
        if _is_known(x[n], labels[n], ignored):
            counts[labels[n]] += 1
            count += 1
    for j in range(taken):
        n = j * size // taken
        if not _is_known(x[n], labels[n], ignored):
            continue
        own, better, equal, rivals = x[n, labels[n]], 0.0, 0.0, -1
        for k in range(classes):
            better += counts[k] if x[n, k] > own else 0.0
            equal += counts[k] if x[n, k] == own else 0.0
            rivals += x[n, k] >= own
        right += rivals == 0
        for k in range(4):
            low, high = max(better, k * count / 4), min(better + equal, (k + 1) * count / 4)
            quarters[k] += max(high - low, 0.0) / equal
    return right, count


@_compiled
def _is_known(row, label, ignored):  # type: ignore[no-untyped-def]
    return label != ignored and 0 <= label < row.size and row[label] == row[label]
