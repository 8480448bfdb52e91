"""The compiled loops themselves; see :mod:`cockpit.backward.kernels` for what they are given.

Without numba they are plain functions, which nobody calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

njit: Any
try:
    from numba import njit
except ImportError:  # no wheel for this platform
    njit = None

__all__ = ["COMPILED", "count_joint_signs", "find_rows", "scan_chunk", "scan_products"]

COMPILED = njit is not None
# Sums may be reordered, which lets them be vectorized; NaN and Inf must stay what they are.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
BLOCK = 1024  # elements that are looked at several times while they are in the nearest cache


def _compiled(function: Callable) -> Callable:
    if not COMPILED:
        return function
    try:
        return njit(**OPTIONS)(function)
    except RuntimeError:  # nowhere to keep the result: neither beside this file nor in HOME
        return njit(**{**OPTIONS, "cache": False})(function)


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
def _beyond(x, core, found):  # type: ignore[no-untyped-def]
    """Gather the elements beyond the core; their number. They are few: branches would be missed."""
    count = 0
    for k in range(x.size):
        found[count] = x[k]
        count += not (abs(x[k]) < core)
    return count


@_compiled
def _rows_beyond(x, core, rows, found):  # type: ignore[no-untyped-def]
    """Gather the rows of the elements beyond the core."""
    count = 0
    for k in range(x.size):
        found[count] = rows[k]
        count += not (abs(x[k]) < core)


@_compiled
def scan_chunk(  # type: ignore[no-untyped-def]
    x, scale, vectors, squares, norms, dots, first, last,
    edges, core, sides, row_of, below, table, special,
):  # fmt: skip
    """All that is asked of the columns [first, last) of scaled rows."""
    space, found = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    rows = np.empty(BLOCK, np.int32)
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
                    count = _beyond(block, core, found)
                    _rows_beyond(block, core, row_of[start:stop], rows)
                    far, place = found[:count], rows[:count]
                    _place_joint(far, one, place, core, edges, sides, table, special)
            else:
                table[0, sides[0]] += negative
                table[0, sides[1]] += stop - start - negative
                if beyond:
                    count = _beyond(block, core, found)
                    _place(found[:count], one, core, edges, sides, table[0], special)


@_compiled
def scan_products(  # type: ignore[no-untyped-def]
    a, b, first, last, edges, core, sides, row_of, table, special
):
    """Count the products of rows [first, last), forming only those beyond the core."""
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
def find_rows(x, edges, found):  # type: ignore[no-untyped-def]
    """See :func:`cockpit.backward.kernels.rows_of`."""
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
def count_joint_signs(a_up, a_down, b_up, b_down, row_of, sums):  # type: ignore[no-untyped-def]
    """Negative products, and weights, of each row of the table, from signs as bits."""
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
