"""Compiled loops over individual gradients on the CPU: everything from one look at each element.

An accelerator: :mod:`cockpit.backward.evaluate` and :mod:`cockpit.backward.histogram` have a path
in plain torch that gives the same numbers, for other devices and where numba is missing. The first
use compiles (some seconds); numba keeps the result on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

njit: Any
try:
    from numba import njit
except ImportError:  # no wheel for this platform
    njit = None

__all__ = ["count_joint_signs", "rows_of", "scan_chunk", "scan_products", "serves"]

# Sums may be reordered, which lets them be vectorized; NaN and Inf must stay what they are.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
BLOCK = 1024  # elements that are looked at several times while they are in the nearest cache
WORTH_A_THREAD = 2**16  # elements


def serves(x: Tensor) -> bool:
    """Whether the compiled loops can take this tensor."""
    return njit is not None and x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def _compiled(function: Callable) -> Callable:
    return function if njit is None else njit(**OPTIONS)(function)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="cockpit")


def _spread(function: Callable[[int, int, int], None], size: int, work: int) -> None:
    """Call ``function(part, first, last)`` for parts of ``range(size)``, each in a thread."""
    threads = parts(size, work)
    limits = [size * i // threads for i in range(threads + 1)]
    if threads == 1:
        function(0, 0, size)
        return
    jobs = [_pool(threads).submit(function, i, limits[i], limits[i + 1]) for i in range(1, threads)]
    function(0, 0, limits[1])
    for job in jobs:
        job.result()


def parts(size: int, work: int) -> int:
    """How many threads :func:`_spread` uses."""
    return max(1, min(torch.get_num_threads(), size, work // WORTH_A_THREAD))


def scan_chunk(
    chunk: Tensor, scale: float, vectors: Tensor | None, sum_sq: Tensor | None, counts: Any
) -> tuple[Tensor, Tensor]:
    """Squared norms and dot products of scaled rows, adding up squares and counts on the way.

    Args:
        chunk: Individual gradients over ``scale``, shape [n, P], contiguous.
        scale: Each element is multiplied by this first.
        vectors: Directions of the dot products, shape [V, P], or ``None``.
        sum_sq: Shape [P]; gets the sum of squares added; or ``None``.
        counts: A ``HistogramCounter``; gets the elements added; or ``None``.

    Returns:
        Squared norms [n] and dot products [V, n], in the dtype of ``chunk``.
    """
    x = chunk.numpy()
    n, size = x.shape
    v = np.empty((0, size), x.dtype) if vectors is None else vectors.numpy()
    squares = np.empty(0, x.dtype) if sum_sq is None else sum_sq.numpy()
    threads = parts(size, x.size)
    norms, dots = np.zeros((threads, n)), np.zeros((threads, len(v), n))
    table, special, bins = _accumulators(counts, threads, x.dtype)

    def part(i: int, first: int, last: int) -> None:
        _scan_chunk(
            x, x.dtype.type(scale), v, squares, norms[i], dots[i], first, last,
            *bins, table[i], special[i],
        )  # fmt: skip

    _spread(part, size, x.size)
    _hand_over(counts, n, table, special)
    return torch.from_numpy(norms.sum(0)).to(chunk), torch.from_numpy(dots.sum(0)).to(chunk)


def scan_products(a: Tensor, b: Tensor, counts: Any) -> None:
    """Count the products bⱼaₖ of each row, forming only those beyond the core.

    Args:
        a: Shape [N, i], finite.
        b: Shape [N, o], finite.
        counts: A ``HistogramCounter``; a joint one has counted the signs already.
    """
    x, y = a.contiguous().numpy(), b.contiguous().numpy()
    work = x.size + y.size
    table, special, bins = _accumulators(counts, parts(len(x), work), x.dtype)

    def part(i: int, first: int, last: int) -> None:
        _scan_products(x, y, first, last, *bins[:-1], table[i], special[i])

    _spread(part, len(x), work)
    _hand_over(counts, 0, table, special)


def count_joint_signs(a: Tensor, b: Tensor, rows: Tensor, table: Tensor, sides: Any) -> None:
    """Count all products bⱼaₖ by their sign, each weight in its own row of the table.

    Args:
        a: Shape [N, i].
        b: Shape [N, o].
        rows: The row of each weight, int32, shape [o·i].
        table: int64, shape [rows, columns]; gets the counts added.
        sides: Columns of negative products, and of all others.
    """
    (a_up, a_down), (b_up, b_down) = _sign_bits(a), _sign_bits(b)
    units = b.shape[1]
    threads = parts(units, rows.numel())
    sums = np.zeros((threads, 2, len(table)), np.int64)
    row_of = rows.view(units, -1).numpy()

    def part(i: int, first: int, last: int) -> None:
        _count_joint_signs(
            a_up, a_down, b_up[:, first:last], b_down[:, first:last], row_of[first:last], sums[i]
        )

    _spread(part, units, rows.numel())
    below, weights = torch.from_numpy(sums.sum(0))
    table[:, sides[0]] += below
    table[:, sides[1]] += len(a) * weights - below


def _sign_bits(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Which samples are above and below zero: 64 samples in a word, shape [words, columns]."""
    found = []
    for flags in ((x > 0).numpy(), (x < 0).numpy()):
        padded = np.zeros((-(-len(flags) // 64) * 64, flags.shape[1]), bool)
        padded[: len(flags)] = flags
        packed = np.packbits(padded, axis=0, bitorder="little")  # [8 · words, columns]
        words = packed.reshape(-1, 8, flags.shape[1]).swapaxes(1, 2)
        found.append(np.ascontiguousarray(words).view(np.uint64)[..., 0])
    return found[0], found[1]


def rows_of(values: Tensor, edges: np.ndarray) -> Tensor:
    """How many of the edges are not above each value, int32, in the shape of ``values``.

    Args:
        values: Contiguous.
        edges: Ascending, with ∓Inf around them, in the dtype of ``values``.
    """
    x = values.reshape(-1).numpy()
    found = np.empty(x.size, np.int32)
    _spread(lambda _, first, last: _rows_of(x[first:last], edges, found[first:last]), *[x.size] * 2)
    return torch.from_numpy(found).view(values.shape)


def _accumulators(counts: Any, threads: int, dtype: np.dtype) -> tuple[Any, Any, Any]:
    """Tables of each thread, their zeros and non-finite elements, and what describes the bins."""
    special = np.zeros((threads, 2), np.int64)
    if counts is None:
        nothing = np.empty(0, np.int64)
        bins = (np.empty(0, dtype), dtype.type(0), nothing, np.empty(0, np.int32), nothing)
        return np.zeros((threads, 1, 1), np.int64), special, bins
    return np.zeros((threads, *counts.shape), np.int64), special, counts.layout(dtype)


def _hand_over(counts: Any, rows: int, table: np.ndarray, special: np.ndarray) -> None:
    if counts is not None:
        counts.take(rows, torch.from_numpy(table.sum(0)), *special.sum(0).tolist())


@_compiled
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = x.dtype.type(0)
    for k in range(x.size):
        total += x[k] * y[k]
    return total


@_compiled
def _multiply(x, scale, out):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        out[k] = x[k] * scale


@_compiled
def _add_squares(total, x):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        total[k] += x[k] * x[k]


@_compiled
def _add_negative(below, x):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        below[k] += np.int64(x[k] < 0)


@_compiled
def _signs(x, core):  # type: ignore[no-untyped-def]
    """How many elements are negative, zero, beyond the core."""
    negative, zero, beyond = np.int32(0), np.int32(0), np.int32(0)
    for k in range(x.size):
        negative += np.int32(x[k] < 0)
        zero += np.int32(x[k] == 0)
        beyond += np.int32(not (abs(x[k]) < core))
    return negative, zero, beyond


@_compiled
def _bin(value, edges, inverse):  # type: ignore[no-untyped-def]
    """How many of the edges, which end in ∓Inf on both sides, are not above ``value``."""
    guess = (value - edges[1]) * inverse + edges.dtype.type(1)
    guess = min(max(guess, edges.dtype.type(0)), edges.dtype.type(edges.size - 2))
    place = np.uint32(guess)
    while value >= edges[place + np.uint32(1)]:
        place += np.uint32(1)
    while value < edges[place]:
        place -= np.uint32(1)
    return place


@_compiled
def _inverse_width(edges):  # type: ignore[no-untyped-def]
    return (edges.size - 3) / (edges[edges.size - 2] - edges[1])


@_compiled
def _place(x, factor, core, edges, sides, bins, special):  # type: ignore[no-untyped-def]
    """Take x · factor beyond the core from where their signs are counted to their own bins."""
    inverse = edges.dtype.type(_inverse_width(edges))
    largest = edges.dtype.type(np.finfo(edges.dtype).max)
    negative, moved = 0, 0
    for k in range(x.size):
        value = x[k] * factor
        if abs(value) < core:
            continue
        negative += value < 0
        moved += 1
        if abs(value) <= largest:
            bins[_bin(value, edges, inverse)] += 1
        else:
            special[1] += 1
    bins[sides[0]] -= negative
    bins[sides[1]] -= moved - negative


@_compiled
def _place_joint(x, factor, rows, core, edges, sides, table, special):  # type: ignore[no-untyped-def]
    """As :func:`_place`, each element in its own row of the table."""
    inverse = edges.dtype.type(_inverse_width(edges))
    largest = edges.dtype.type(np.finfo(edges.dtype).max)
    for k in range(x.size):
        value = x[k] * factor
        if abs(value) < core:
            continue
        table[rows[k], sides[0] if value < 0 else sides[1]] -= 1
        if abs(value) <= largest:
            table[rows[k], _bin(value, edges, inverse)] += 1
        else:
            special[1] += 1


@_compiled
def _scan_chunk(  # type: ignore[no-untyped-def]
    x, scale, vectors, squares, norms, dots, first, last,
    edges, core, sides, row_of, below, table, special,
):  # fmt: skip
    space = np.empty(BLOCK, x.dtype)
    one = x.dtype.type(1)
    for n in range(x.shape[0]):
        for start in range(first, last, BLOCK):
            stop = min(start + BLOCK, last)
            block = space[: stop - start]
            _multiply(x[n, start:stop], scale, block)
            norms[n] += _dot(block, block)
            for v in range(vectors.shape[0]):
                dots[v, n] += _dot(block, vectors[v, start:stop])
            if squares.size:
                _add_squares(squares[start:stop], block)
            if not edges.size:
                continue
            negative, zero, beyond = _signs(block, core)
            special[0] += zero
            if row_of.size:
                _add_negative(below[start:stop], block)
                if beyond:
                    rows = row_of[start:stop]
                    _place_joint(block, one, rows, core, edges, sides, table, special)
            else:
                table[0, sides[0]] += negative
                table[0, sides[1]] += stop - start - negative
                if beyond:
                    _place(block, one, core, edges, sides, table[0], special)


@_compiled
def _scan_products(  # type: ignore[no-untyped-def]
    a, b, first, last, edges, core, sides, row_of, table, special
):
    width = a.shape[1]
    key, order = np.empty(width, np.int32), np.empty(width, np.int32)
    rows = np.empty(width, np.int32)
    descending = np.empty(width, a.dtype)
    needed = core * (1 - 1e-5)  # rounding must lose none; each candidate is looked at exactly
    for n in range(first, last):
        below, zero = _signs_of_products(a[n], b[n])
        special[0] += zero
        if not row_of.size:
            table[0, sides[0]] += below
            table[0, sides[1]] += width * b.shape[1] - below
        largest_a, largest_b = _largest(a[n]), _largest(b[n])
        if largest_a * largest_b < needed:
            continue
        _keys(a[n], key)
        highest, lowest = _key(largest_a), _key(needed / largest_b)
        ends = _order_by_key(key, lowest, highest, order)
        for place in range(ends[ends.size - 1]):
            descending[place] = a[n, order[place]]
        for j in range(b.shape[1]):
            if abs(b[n, j]) * largest_a < needed:
                continue
            # All with a greater key than the threshold's lie beyond the core, others may.
            count = ends[highest - max(lowest, _key(needed / abs(b[n, j])))]
            if row_of.size:
                for place in range(count):
                    rows[place] = row_of[j * width + order[place]]
                _place_joint(descending[:count], b[n, j], rows, core, edges, sides, table, special)
            else:
                _place(descending[:count], b[n, j], core, edges, sides, table[0], special)


@_compiled
def _signs_of_products(x, y):  # type: ignore[no-untyped-def]
    """How many of the products are negative, and how many zero."""
    zero = x.dtype.type(0)
    x_below, x_zero, _ = _signs(x, zero)
    y_below, y_zero, _ = _signs(y, zero)
    x_above, y_above = x.size - x_below - x_zero, y.size - y_below - y_zero
    nonzero = (x.size - x_zero) * (y.size - y_zero)
    return x_above * y_below + x_below * y_above, x.size * y.size - nonzero


@_compiled
def _rows_of(x, edges, found):  # type: ignore[no-untyped-def]
    inverse = edges.dtype.type(_inverse_width(edges))
    largest = edges.dtype.type(np.finfo(edges.dtype).max)
    for k in range(x.size):
        if abs(x[k]) <= largest:
            found[k] = _bin(x[k], edges, inverse)
        else:  # NaN is sorted last
            found[k] = 0 if x[k] < 0 else edges.size - 2


@_compiled
def _bits(word):  # type: ignore[no-untyped-def]
    """How many bits are set (compilers know this form and have an instruction for it)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@_compiled
def _add_opposite(up, down, x_up, x_down, count):  # type: ignore[no-untyped-def]
    for k in range(count.size):
        count[k] += np.int64(_bits((up & x_down[k]) | (down & x_up[k])))


@_compiled
def _count_joint_signs(a_up, a_down, b_up, b_down, row_of, sums):  # type: ignore[no-untyped-def]
    words, width = a_up.shape
    count = np.empty(width, np.int64)
    for j in range(b_up.shape[1]):
        count[:] = 0
        for w in range(words):
            _add_opposite(b_up[w, j], b_down[w, j], a_up[w], a_down[w], count)
        rows = row_of[j]
        for k in range(width):
            sums[0, rows[k]] += count[k]
            sums[1, rows[k]] += 1


@_compiled
def _largest(x):  # type: ignore[no-untyped-def]
    largest = abs(x[0])
    for k in range(x.size):
        largest = max(largest, abs(x[k]))
    return largest


@_compiled
def _keys(x, key):  # type: ignore[no-untyped-def]
    """The leading bits of |x| as float32: eight steps an octave, growing with |x|."""
    sizes = np.empty(x.size, np.float32)
    for k in range(x.size):
        sizes[k] = abs(x[k])
    bits = sizes.view(np.int32)
    for k in range(x.size):
        key[k] = bits[k] >> 20


@_compiled
def _key(size):  # type: ignore[no-untyped-def]
    """See :func:`_keys`."""
    fraction, exponent = math.frexp(np.float32(size))
    if not np.isfinite(fraction):
        return np.int32(2040)
    return np.int32(max(0, (exponent + 126) * 8 + int((fraction - 0.5) * 16)))


@_compiled
def _order_by_key(key, lowest, highest, order):  # type: ignore[no-untyped-def]
    """Counting sort of the places with a key from ``lowest`` on, largest first.

    Returns the end of each key's places in ``order``, from ``highest`` down to ``lowest``.
    """
    ends = np.zeros(max(0, highest - lowest) + 1, np.int64)
    for k in range(key.size):
        if key[k] >= lowest:
            ends[highest - key[k]] += 1
    total = 0
    for i in range(ends.size):
        ends[i], total = total, total + ends[i]
    for k in range(key.size):
        if key[k] >= lowest:
            order[ends[highest - key[k]]] = k
            ends[highest - key[k]] += 1
    return ends
