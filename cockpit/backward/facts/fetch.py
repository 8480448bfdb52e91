"""From facts that hold tensors to facts of plain numbers: one transfer for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Then", "fetched", "on_host", "tensors_in", "with_numbers"]


@dataclass(frozen=True)
class Then:
    """A fact, or several, made of tensors once these are on the host.

    Attributes:
        tensors: Small ones; numbers and arrays that are on the host may be among them.
        make: Is called with a number for each tensor without axes, and a read-only array for each
            other one. It returns the fact; ``None`` if that can't be had; or a ``dict`` of facts by
            their whole names, in the place of this one.
    """

    tensors: Sequence[Any]
    make: Callable[..., Any]


def fetched(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without tensors, see :func:`with_numbers`."""
    return with_numbers(facts, iter(on_host(tensors_in(facts))))


def tensors_in(facts: Mapping[str, Any]) -> list[Any]:
    """The tensors that facts hold, and what stands beside them in :class:`Then`, in order."""
    found: list[Any] = []
    for fact in facts.values():
        if isinstance(fact, Then):
            found += fact.tensors
        elif isinstance(fact, Tensor):
            found.append(fact)
    return found


def on_host(tensors: Sequence[Any]) -> list[Any]:
    """The numbers of small tensors, in one transfer for each device and kind of number.

    Args:
        tensors: Of kinds that numpy knows, but for those without axes; what is no tensor is on the
            host.
    """
    found: list[Any] = [None] * len(tensors)
    elsewhere: dict[tuple[torch.device, torch.dtype], list[tuple[int, Tensor]]] = {}
    for place, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            found[place] = x
        elif x.is_cpu:
            found[place] = _numbers(x)
        else:
            elsewhere.setdefault((x.device, x.dtype), []).append((place, x))
    for several in elsewhere.values():
        flat = torch.cat([x.reshape(-1) for _, x in several]).cpu()
        pieces = flat.split([x.numel() for _, x in several])
        for (place, x), piece in zip(several, pieces, strict=True):
            found[place] = _numbers(piece.view(x.shape))
    return found


def _numbers(x: Tensor) -> Any:
    return x.numpy() if x.dim() else x.item()


def with_numbers(facts: Mapping[str, Any], numbers: Iterator[Any]) -> dict[str, Any]:
    """Facts with numbers in the place of their tensors, floats rounded to seven digits.

    Those that can't be had are left out: of a tensor NaN or ±∞, of a :class:`Then` ``None``.

    Args:
        facts: By name.
        numbers: Of the tensors in them, in order, see :func:`on_host`.
    """
    ready: dict[str, Any] = {}
    for name, fact in facts.items():
        if isinstance(fact, Then):
            fact = fact.make(*(next(numbers) for _ in fact.tensors))
        elif isinstance(fact, Tensor):
            fact = next(numbers)
            if isinstance(fact, float) and not math.isfinite(fact):
                continue
        for key, value in fact.items() if isinstance(fact, dict) else ((name, fact),):
            if value is not None:
                ready[key] = _plain(value)
    return ready


def _plain(fact: Any) -> Any:
    """Without numpy, floats rounded."""
    if isinstance(fact, float):
        return float(f"{fact:.7g}")
    if isinstance(fact, np.generic | np.ndarray):
        return _plain(fact.tolist())
    if isinstance(fact, list | tuple):
        return [_plain(item) for item in fact]
    return fact
