"""Looks at ``.grad`` that cost little: where it is in memory, a sample, norms if need be.

Where ``.grad`` is the very memory that the one backward pass has given, nothing has to be read to
know what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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

SAMPLE = 1024  # elements of each gradient that are looked at one by one
MOST_PARTS = 16  # of a step, with which ``.grad`` is compared


def held(parameters: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The gradients in ``.grad`` by name; ``None`` if one is sparse or spread over devices."""
    found = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    plain = all(type(g) is Tensor and g.layout == torch.strided for g in found.values())
    alone = len({g.device for g in found.values()}) <= 1
    return {name: g.detach() for name, g in found.items()} if plain and alone else None


def sample(x: Tensor) -> Tensor:
    """Some elements, evenly spread in memory; a view where that is possible."""
    if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
        x = x.contiguous()
    return x.as_strided((_count(x.numel()),), (_stride(x.numel()),), x.storage_offset())


def _stride(size: int) -> int:
    return max(1, size // SAMPLE) | 1  # odd: not always the same column


def _count(size: int) -> int:
    return -(-size // _stride(size))


def samples(tensors: Iterable[Tensor]) -> Tensor:
    """The samples of several tensors, one after the other, copied."""
    return torch.cat([sample(x) for x in tensors])


def zero_share(sampled: Tensor, sizes_of: Sequence[int]) -> Tensor:
    """Share of elements that are exactly zero, as far as samples tell.

    Args:
        sampled: As :func:`samples` gives them.
        sizes_of: Number of elements of each tensor.
    """
    counts = [_count(size) for size in sizes_of]
    weights = torch.tensor([n / max(m, 1) for n, m in zip(sizes_of, counts, strict=True)])
    each = weights.repeat_interleave(torch.tensor(counts)).to(sampled.device)
    return ((sampled == 0) * each).sum() / each.sum()


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
        ``None`` where there is nothing, or nothing that can be looked at.
    """
    grads = held(parameters)
    if not grads:
        return None
    known = {name: g for name, g in grads.items() if used.knows(parameters[name])} or grads
    still = [g for name, g in known.items() if used.has_still(parameters[name])]
    since = [g for name, g in known.items() if not used.has_still(parameters[name])]
    zero = torch.zeros((), dtype=torch.float64, device=next(iter(grads.values())).device)
    return norm(norms([zero, *still])), norm(norms([zero, *since]))


@dataclass
class Look:
    """``.grad`` as it was when a backward pass had returned.

    Attributes:
        memory: Where each gradient was, and its version, by name.
        sizes: Their numbers of elements.
        sampled: Elements of all, see :func:`samples`.
        dtype: The least precise kind of number among them.
        norms: Of each, float64 on the device, shape [P]; ``None``: they are what the one backward
            pass has given.
        dots: Inner products with what each backward pass has given, float64 on the device; empty
            where they are not needed, or too many.
    """

    memory: dict[str, tuple[int, int]]
    sizes: list[int]
    sampled: Tensor
    dtype: str
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
        look = cls(
            memory={name: memory_of(g) for name, g in grads.items()},
            sizes=[g.numel() for g in grads.values()],
            sampled=samples(grads.values()),
            dtype=_least_precise(g.dtype for g in grads.values()),
        )
        if len(parts) == 1 and look.memory == memory:
            return look
        look.norms = norms(grads.values())
        if len(parts) <= MOST_PARTS:
            before = [part.stats.grad for part in parts[:-1]]
            look.dots = [_product(grads, x) for x in (*before, given)]
        return look

    def unchanged(self, grads: Mapping[str, Tensor]) -> bool:
        """Whether some of these gradients are what they were.

        Where that costs little, it is also seen whether somebody wrote behind autograd's back.
        """
        if any(self.memory[name] != memory_of(g) for name, g in grads.items()):
            return False
        if not self.sampled.is_cpu or not grads:
            return True
        counts = [_count(size) for size in self.sizes]
        places = dict(zip(self.memory, self.sampled.split(counts), strict=True))
        then = torch.cat([places[name] for name in grads])
        return bool(torch.equal(then, samples(grads.values()).to(then.dtype)))


def _least_precise(dtypes: Iterable[torch.dtype]) -> str:
    return str(max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)).removeprefix("torch.")


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
        grads = {name: p.grad.detach() for name, p in mine.items() if p.grad is not None}
        lost = len(grads) < len(mine)
        step = cls(list(mine), None if not lost and look.unchanged(grads) else _norms(mine))
        found = scale_in_charge(optimizer)
        if found is not None:
            step.loss_scale, step.is_free = found
        return step


def _norms(parameters: Mapping[str, Tensor]) -> Tensor:
    """‖.grad‖ of each, 0 where there is none."""
    zero = torch.zeros(())
    return norms(zero if p.grad is None else p.grad.detach() for p in parameters.values())
