"""Fingerprints of rows and columns: equal where all elements are, bit by bit.

A sum of the elements' bits, read as integers, times odd numbers that have no pattern, modulo 2⁶⁴.
Two different rows have the same one with a probability of at most about 2⁻³². No random number is
drawn.
"""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.moments import pieces

__all__ = ["fingerprints"]

INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by size in bytes
STIRRED = (-7046029254386353131, -4658895280553007687, -7723592293110705685)  # splitmix64's


def fingerprints(rows: Tensor, of_columns: bool) -> list[Tensor | np.ndarray]:
    """Fingerprints of the rows, int64, shape [N]; then, if wanted, of the columns, shape [D].

    Args:
        rows: Shape [N, D].
        of_columns: Whether those of the columns are wanted.
    """
    by_column = _factors(rows.shape[1], rows.device)
    by_row = _factors(len(rows), rows.device) if of_columns else None
    if scan.serves(rows):
        found = scan.bits_hashes(rows.view(INTEGERS[rows.element_size()]), by_column, by_row)
        return [*found[: 1 + of_columns]]
    of_rows = torch.cat([_bits(x).mul_(by_column).sum(1) for x in pieces(rows)])
    return [of_rows] if by_row is None else [of_rows, _of_columns(rows, by_row.unsqueeze(1))]


def _of_columns(rows: Tensor, factors: Tensor) -> Tensor:
    found, begin = [], 0
    for x in pieces(rows):
        found.append(_bits(x).mul_(factors[begin : begin + len(x)]).sum(0))
        begin += len(x)
    return reduce(torch.add, found)


def _bits(x: Tensor) -> Tensor:
    """The elements' bits as int64, in memory of their own."""
    if x.dtype == torch.bool:
        return x.to(torch.int64)
    bits = x.contiguous().view(INTEGERS[x.element_size()])
    return bits.to(torch.int64, copy=True)


@lru_cache(maxsize=16)
def _factors(count: int, device: torch.device) -> Tensor:
    """Odd numbers without a pattern, int64, shape [count]."""
    z = torch.arange(1, count + 1, dtype=torch.int64, device=device).mul_(STIRRED[0])
    z = (z ^ (z >> 30)).mul_(STIRRED[1])
    z = (z ^ (z >> 27)).mul_(STIRRED[2])
    return (z ^ (z >> 31)).bitwise_or_(1)
