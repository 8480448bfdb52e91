"""Looks at ``.grad`` that cost little: where it is in memory, a sample, norms if need be.

Where ``.grad`` is the very memory that the one backward pass has given, nothing has to be read to
know what is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.weak import TensorWeakRef

from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.loss_scale import scale_in_charge
from cockpit.backward.gradients import memory_of
from cockpit.linalg import inner_product, norm, norms

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Look", "Step", "UsedGradients", "held", "left_over", "sample", "stride_for"]

SAMPLE = 512  # elements of the gradients that are looked at one by one
NEARLY_ALL = 0.95  # of all are in the gradients of which some are looked at so
MOST_PARTS = 16  # of a step, with which ``.grad`` is compared


def held(parameters: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The gradients in ``.grad`` by name; ``None`` if one is sparse or spread over devices."""
    found, devices = {}, set()
    for name, p in parameters.items():
        grad = p.grad
        if grad is None:
            continue
        if type(grad) is not Tensor or grad.layout != torch.strided:
            return None
        found[name] = grad
        devices.add(grad.device)
    return found if len(devices) <= 1 else None


def stride_for(sizes: Iterable[int]) -> int:
    """Which of the elements of several tensors are looked at: each so-many-th."""
    return max(1, sum(sizes) // SAMPLE) | 1  # odd: not always the same column


def sample(x: Tensor, stride: int) -> Tensor:
    """Elements of a tensor that are so far apart in memory; a view where that is possible."""
    if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
        x = x.contiguous()
    return x.as_strided((-(-x.numel() // stride),), (stride,), x.storage_offset())


def _largest(sizes: Mapping[str, int]) -> list[str]:
    """The tensors that have nearly all elements."""
    rest, chosen = (1 - NEARLY_ALL) * sum(sizes.values()), []
    for name in sorted(sizes, key=sizes.__getitem__):
        rest -= sizes[name]
        if rest < 0:
            chosen.append(name)
    return chosen or list(sizes)


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
        stride: Each so-many-th element of these has been copied, …
        sampled: … one after the other.
        norms: Of each, float64 on the device, shape [P]; ``None``: they are what the one backward
            pass has given.
        dots: Inner products with what each backward pass has given, float64 on the device; empty
            where they are not needed, or too many.
    """

    memory: dict[str, tuple[int, int]]
    dtype: str
    sizes: dict[str, int]
    stride: int
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
        chosen = _largest(sizes)
        stride = stride_for(sizes[name] for name in chosen)
        look = cls(
            {name: memory_of(g) for name, g in grads.items()},
            _least_precise({g.dtype for g in grads.values()}),
            {name: sizes[name] for name in chosen},
            stride,
            torch.cat([sample(grads[name], stride) for name in chosen]),
        )
        if len(parts) == 1 and look.memory == memory:
            return look
        look.norms = norms(grads.values())
        if len(parts) <= MOST_PARTS:
            before = [part.stats.grad for part in parts[:-1]]
            look.dots = [_product(grads, x) for x in (*before, given)]
        return look

    def zero_share(self) -> Then:
        """Share of elements that are exactly zero, as far as a sample tells."""
        size = self.sampled.numel()
        count = torch.count_nonzero(self.sampled)
        return Then([count], lambda others: (size - others) / size if size else None)

    def unchanged(self, grads: Mapping[str, Tensor]) -> bool:
        """Whether some of these gradients are what they were.

        Where that costs little, it is also seen whether somebody wrote behind autograd's back.
        """
        if any(self.memory[name] != memory_of(g) for name, g in grads.items()):
            return False
        if not self.sampled.is_cpu:
            return True
        place = 0
        for name in self.sizes:
            end = place - (-self.sizes[name] // self.stride)
            now = grads.get(name)
            if now is not None:
                then = self.sampled[place:end]
                if not torch.equal(then, sample(now, self.stride).to(then.dtype)):
                    return False
            place = end
        return True


def _least_precise(dtypes: Collection[torch.dtype]) -> str:
    worst = max(dtypes, key=lambda dtype: torch.finfo(dtype).eps) if len(dtypes) > 1 else None
    return str(worst or next(iter(dtypes))).removeprefix("torch.")


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
        step = cls(list(mine), None if not lost and look.unchanged(grads) else _norms(mine, look))
        found = scale_in_charge(optimizer)
        if found is not None:
            step.loss_scale, step.is_free = found
        return step


def _norms(parameters: Mapping[str, Tensor], look: Look) -> Tensor:
    """‖.grad‖ of each, 0 where there is none."""
    zero = torch.zeros((), device=look.sampled.device)
    return norms(zero if p.grad is None else p.grad for p in parameters.values())
