"""Fingerprints of rows and columns: equal where all elements are, bit by bit.

A sum of the elements' bits, read as integers, times odd numbers that have no pattern, modulo 2⁶⁴.
Two different rows have the same one with a probability of at most about 2⁻³². No random number is
drawn.
"""

from __future__ import annotations

from functools import lru_cache, reduce

import torch
from torch import Tensor

from cockpit.backward.facts.moments import pieces

__all__ = ["column_hashes", "number_of_repeats", "row_hashes"]

INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by size in bytes
STIRRED = (-7046029254386353131, -4658895280553007687, -7723592293110705685)  # splitmix64's


def row_hashes(rows: Tensor) -> Tensor:
    """Fingerprints of the rows, int64, shape [N].

    Args:
        rows: Shape [N, D].
    """
    factors = _factors(rows.shape[1], rows.device)
    return torch.cat([_bits(x).mul_(factors).sum(1) for x in pieces(rows)])


def column_hashes(rows: Tensor) -> Tensor:
    """Fingerprints of the columns, int64, shape [D].

    Args:
        rows: Shape [N, D].
    """
    factors = _factors(len(rows), rows.device).unsqueeze(1)
    found, begin = [], 0
    for x in pieces(rows):
        found.append(_bits(x).mul_(factors[begin : begin + len(x)]).sum(0))
        begin += len(x)
    return reduce(torch.add, found)


def number_of_repeats(hashes: Tensor, counted: Tensor) -> Tensor:
    """How many fingerprints were there before.

    Args:
        hashes: Shape [N].
        counted: Which of them are looked at, shape [N]; equal ones all or none.
    """
    ordered, places = hashes.sort()
    looked = counted[places]
    return ((ordered[1:] == ordered[:-1]) & looked[1:]).sum()


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
