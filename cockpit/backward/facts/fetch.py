"""From facts that hold tensors to facts of plain numbers: one transfer for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Then", "fetched", "on_host", "root_of_ratio", "tensors_in", "with_numbers"]

DIGITS = 7


@dataclass(frozen=True)
class Then:
    """A fact that is made of tensors once they are on the host.

    Attributes:
        tensors: Small ones.
        make: Is called with their numbers (of a tensor with axes: lists of them); ``None`` means
            that the fact can't be had.
    """

    tensors: Sequence[Tensor]
    make: Callable[..., Any]


def root_of_ratio(above: Tensor, below: Tensor) -> Then:
    """√(above / below), once they are on the host; nothing where that is no number."""

    def make(above: float, below: float) -> float | None:
        return math.sqrt(above / below) if below > 0 else None

    return Then([above, below], make)


def fetched(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without tensors, see :func:`with_numbers`."""
    return with_numbers(facts, iter(on_host(tensors_in(facts))))


def tensors_in(facts: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that facts hold, in order."""
    found: list[Tensor] = []
    for fact in facts.values():
        found += fact.tensors if isinstance(fact, Then) else [fact] * isinstance(fact, Tensor)
    return found


def on_host(tensors: Sequence[Tensor]) -> list[Any]:
    """The numbers of small tensors, in one transfer for each device and kind of number."""
    numbers: list[Any] = [None] * len(tensors)
    elsewhere: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for place, x in enumerate(tensors):
        if x.device.type == "cpu":
            numbers[place] = x.tolist()
        else:
            elsewhere.setdefault((x.device, x.dtype), []).append(place)
    for places in elsewhere.values():
        flat = torch.cat([tensors[place].reshape(-1) for place in places]).cpu()
        pieces = flat.split([tensors[place].numel() for place in places])
        for place, piece in zip(places, pieces, strict=True):
            numbers[place] = piece.view(tensors[place].shape).tolist()
    return numbers


def with_numbers(facts: Mapping[str, Any], numbers: Iterator[Any]) -> dict[str, Any]:
    """Facts with numbers in the place of their tensors, floats rounded to seven digits.

    Those that can't be had are left out: of a tensor NaN or ±∞, of a :class:`Then` ``None``.

    Args:
        facts: By name.
        numbers: Of the tensors in them, in order.
    """
    ready: dict[str, Any] = {}
    for name, fact in facts.items():
        if isinstance(fact, Then):
            fact = fact.make(*(next(numbers) for _ in fact.tensors))
        elif isinstance(fact, Tensor):
            number = next(numbers)
            fact = None if isinstance(number, float) and not math.isfinite(number) else number
        if fact is not None:
            ready[name] = _rounded(fact)
    return ready


def _rounded(fact: Any) -> Any:
    if isinstance(fact, float):
        return float(f"{fact:.{DIGITS}g}")
    if isinstance(fact, list | tuple):
        return [_rounded(item) for item in fact]
    return fact
