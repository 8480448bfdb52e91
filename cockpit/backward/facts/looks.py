"""Looks at ``.grad`` that cost little: where it is in memory, a sample, norms if need be.

Where ``.grad`` is the very memory that the one backward pass has given, nothing has to be read to
know what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.weak import TensorWeakRef

from cockpit.backward.facts.loss_scale import scale_in_charge
from cockpit.backward.gradients import memory_of
from cockpit.linalg import inner_product, norm, norms

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Look", "Step", "UsedGradients", "held", "left_over", "samples", "zero_share"]

SAMPLE = 256  # elements of a gradient that are looked at one by one
NEARLY_ALL = 0.95  # of the elements are in the gradients that are looked at so
MOST_PARTS = 16  # of a step, with which ``.grad`` is compared


def held(parameters: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The gradients in ``.grad`` by name; ``None`` if one is sparse or spread over devices."""
    found = {name: grad for name, p in parameters.items() if (grad := p.grad) is not None}
    plain = all(type(g) is Tensor and g.layout == torch.strided for g in found.values())
    return found if plain and len({g.device for g in found.values()}) <= 1 else None


def samples(tensors: Iterable[Tensor]) -> Tensor:
    """Some elements of each of several tensors, evenly spread in memory, one after the other."""
    return torch.cat([_sample(x) for x in tensors])


def _sample(x: Tensor) -> Tensor:
    if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
        x = x.contiguous()
    size = x.numel()
    return x.as_strided((_count(size),), (_stride(size),), x.storage_offset())


def _stride(size: int) -> int:
    return max(1, size // SAMPLE) | 1  # odd: not always the same column


def _count(size: int) -> int:
    return -(-size // _stride(size))


def zero_share(sampled: Tensor, sizes: Sequence[int]) -> Tensor:
    """Share of elements that are exactly zero, as far as samples tell; on the device.

    Args:
        sampled: As :func:`samples` gives them.
        sizes: Number of elements of each tensor.
    """
    weights = _weights(tuple(sizes), sampled.device)
    return ((sampled == 0) * weights).sum()


@lru_cache(maxsize=16)
def _weights(sizes: tuple[int, ...], device: torch.device) -> Tensor:
    """What each element of the samples of tensors stands for; 1 together."""
    counts = [_count(size) for size in sizes]
    shares = [n / max(m, 1) / max(1, sum(sizes)) for n, m in zip(sizes, counts, strict=True)]
    return torch.tensor(shares).repeat_interleave(torch.tensor(counts)).to(device)


def _largest(sizes: Mapping[str, int]) -> list[str]:
    """The tensors that have nearly all elements."""
    rest, chosen = (1 - NEARLY_ALL) * sum(sizes.values()), []
    by_size = sorted(sizes, key=sizes.__getitem__)
    for name in by_size:
        rest -= sizes[name]
        if rest < 0:
            chosen.append(name)
    return chosen


class UsedGradients:
    """Remembers with which gradients optimizers have stepped, so as to know them again."""

    def __init__(self) -> None:
        self._used: dict[int, dict[int, tuple[TensorWeakRef, int]]] = {}  # by optimizer

    def take(self, optimizer: Any) -> None:
        """An optimizer has stepped with the gradients that are in ``.grad`` now."""
        self._used[id(optimizer)] = {
            id(p): (TensorWeakRef(p.grad), p.grad._version)
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        }

    @property
    def is_empty(self) -> bool:
        """Whether no optimizer has stepped yet."""
        return not self._used

    def knows(self, p: Tensor) -> bool:
        """Whether an optimizer has stepped with a gradient of a parameter."""
        return any(id(p) in used for used in self._used.values())

    def has_still(self, p: Tensor) -> bool:
        """Whether that gradient is in ``.grad`` still, unchanged."""
        marks = (used[id(p)] for used in self._used.values() if id(p) in used)
        return any(
            reference() is p.grad and p.grad._version == version for reference, version in marks
        )


def left_over(
    parameters: Mapping[str, Tensor], used: UsedGradients
) -> tuple[Tensor, Tensor] | None:
    """Norms of what is in ``.grad`` before a backward pass, float64 on the device.

    Args:
        parameters: Trainable ones by name.
        used: What optimizers have stepped with.

    Returns:
        The norm of what an optimizer has stepped with, and of all that was put there since;
        ``None`` where it can't be looked at.
    """
    grads = held(parameters)
    if grads is None:
        return None
    # What no optimizer has is reset by none. Before the first step it is not known what they have.
    known = {name: g for name, g in grads.items() if used.knows(parameters[name])}
    known = grads if used.is_empty else known
    still = [g for name, g in known.items() if used.has_still(parameters[name])]
    since = [g for name, g in known.items() if not used.has_still(parameters[name])]
    zero = torch.zeros((), dtype=torch.float64, device=_device_of(grads))
    if not known:
        return zero, zero
    return norm(norms([zero, *still])), norm(norms([zero, *since]))


def _device_of(tensors: Mapping[str, Tensor]) -> torch.device:
    return next((x.device for x in tensors.values()), torch.device("cpu"))


@dataclass
class Look:
    """``.grad`` as it was when a backward pass had returned.

    Attributes:
        memory: Where each gradient was, and its version, by name.
        dtype: The least precise kind of number among them.
        sizes: Numbers of elements of the largest ones, which have nearly all, by name.
        sampled: Elements of these, see :func:`samples`.
        norms: Of each, float64 on the device, shape [P]; ``None``: they are what the one backward
            pass has given.
        dots: Inner products with what each backward pass has given, float64 on the device; empty
            where they are not needed, or too many.
    """

    memory: dict[str, tuple[int, int]]
    dtype: str
    sizes: dict[str, int]
    sampled: Tensor
    norms: Tensor | None = None
    dots: list[Tensor] = field(default_factory=list)

    @classmethod
    def at(cls, grads: Mapping[str, Tensor], parts: Sequence[BackwardPass]) -> Look:
        """Look at gradients.

        Args:
            grads: By name, at least one.
            parts: The backward passes of the step so far; the last one has just returned.
        """
        given, memory = parts[-1].given
        sizes = {name: g.numel() for name, g in grads.items()}
        chosen = _largest(sizes) or list(sizes)
        look = cls(
            {name: memory_of(g) for name, g in grads.items()},
            _least_precise(g.dtype for g in grads.values()),
            {name: sizes[name] for name in chosen},
            samples(grads[name] for name in chosen),
        )
        if len(parts) == 1 and look.memory == memory:
            return look
        look.norms = norms(grads.values())
        if len(parts) <= MOST_PARTS:
            before = [part.stats.grad for part in parts[:-1]]
            look.dots = [_product(grads, x) for x in (*before, given)]
        return look

    def zero_share(self) -> Tensor:
        """Share of elements that are exactly zero, as far as samples tell; on the device."""
        return zero_share(self.sampled, list(self.sizes.values()))

    def unchanged(self, grads: Mapping[str, Tensor]) -> bool:
        """Whether some of these gradients are what they were.

        Where that costs little, it is also seen whether somebody wrote behind autograd's back.
        """
        if any(self.memory[name] != memory_of(g) for name, g in grads.items()):
            return False
        chosen = [name for name in self.sizes if name in grads]
        if not self.sampled.is_cpu or not chosen:
            return True
        counts = [_count(size) for size in self.sizes.values()]
        then = dict(zip(self.sizes, self.sampled.split(counts), strict=True))
        before, now = (torch.cat([then[n] for n in chosen]), samples(grads[n] for n in chosen))
        return torch.equal(before, now.to(before.dtype))


def _least_precise(dtypes: Iterable[torch.dtype]) -> str:
    return str(max(set(dtypes), key=lambda dtype: torch.finfo(dtype).eps)).removeprefix("torch.")


def _product(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Tensor:
    """The inner product over the names that both have."""
    parts = [inner_product(x, others[name]) for name, x in some.items() if name in others]
    return torch.stack(parts).sum() if parts else torch.zeros((), dtype=torch.float64)


@dataclass
class Step:
    """What an optimizer found in ``.grad``.

    Attributes:
        names: Of its parameters, those that had a gradient after the backward pass.
        norms: Of their gradients, float64 on the device, shape [P]; ``None``: nothing has changed.
        loss_scale: By what a gradient scaler has multiplied the loss; ``None``: there is none.
        is_free: Whether these gradients are free of it.
    """

    names: list[str]
    norms: Tensor | None
    loss_scale: float | None = None
    is_free: bool = False

    @classmethod
    def at(cls, optimizer: Any, look: Look, parameters: Mapping[str, Tensor]) -> Step:
        """Look at the gradients of an optimizer that is about to step."""
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        mine = {name: parameters[name] for name in look.memory if id(parameters[name]) in own}
        grads = {name: p.grad for name, p in mine.items() if p.grad is not None}
        lost = len(grads) < len(mine)
        step = cls(list(mine), None if not lost and look.unchanged(grads) else _norms(mine))
        found = scale_in_charge(optimizer)
        if found is not None:
            step.loss_scale, step.is_free = found
        return step


def _norms(parameters: Mapping[str, Tensor]) -> Tensor:
    """‖.grad‖ of each, 0 where there is none."""
    zero = torch.zeros(())
    return norms(zero if p.grad is None else p.grad for p in parameters.values())
