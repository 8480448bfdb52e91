"""Compiled loops over individual gradients on the CPU: everything from one look at each element.

An accelerator: :mod:`cockpit.backward.evaluate` and :mod:`cockpit.backward.histogram` have a path
in plain torch that gives the same numbers, for other devices and where numba is missing. The first
use compiles (some seconds); numba keeps the result on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cockpit.backward import loops

__all__ = ["count_joint_signs", "rows_of", "scan_chunk", "scan_products", "serves"]

WORTH_A_THREAD = 2**16  # elements


def serves(x: Tensor) -> bool:
    """Whether the compiled loops can take this tensor."""
    return loops.COMPILED and x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Of this process: a fork has none of the threads of its parent."""
    return ThreadPoolExecutor(threads, thread_name_prefix="cockpit")


def _spread(function: Callable[[int, int, int], None], size: int, work: int) -> None:
    """Call ``function(part, first, last)`` for parts of ``range(size)``, each in a thread."""
    threads = parts(size, work)
    limits = [size * i // threads for i in range(threads + 1)]
    pieces = [(i, limits[i], limits[i + 1]) for i in range(threads)]
    jobs, own = [], pieces[:1]
    for piece in pieces[1:]:
        try:
            jobs.append(_pool(threads, os.getpid()).submit(function, *piece))
        except RuntimeError:  # the program ends: it starts no threads any more
            own.append(piece)
    for piece in own:
        function(*piece)
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
        loops.scan_chunk(
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
        loops.scan_products(x, y, first, last, *bins[:-1], table[i], special[i])

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
        loops.count_joint_signs(
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
    _spread(
        lambda _, first, last: loops.find_rows(x[first:last], edges, found[first:last]),
        *[x.size] * 2,
    )
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
