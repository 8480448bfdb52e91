"""What a backward pass gives to the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cockpit.linalg import widened

__all__ = ["GradientsOfPass", "memory_of"]


class GradientsOfPass:
    """Sees what a backward pass gives to the parameters, by hooks on these.

    Such a hook runs before the gradient is accumulated: whatever happens to ``.grad`` in the same
    context (reset, unscaled, clipped) is not taken for this pass's doing, and what is taken is this
    process's, before DistributedDataParallel averages it.

    Args:
        parameters: By name.

    Attributes:
        receiving: Whether the pass runs at present; what others give is passed over.
        memory: Of what it gave, by name: where it is, and its version then. Autograd mostly puts
            the same memory into ``.grad``.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.receiving = False
        self._names = tuple(parameters)
        self._sums: dict[str, Tensor] = {}
        self.memory: dict[str, tuple[int, int]] = {}
        self._handles = [p.register_hook(self._adder(name)) for name, p in parameters.items()]

    def so_far(self) -> dict[str, Tensor]:
        """What this pass has given, by name, in at least single precision."""
        return {name: self._sums[name] for name in self._names if name in self._sums}

    def take(self) -> dict[str, Tensor]:
        """The same; ends the watch."""
        found = self.so_far()
        self.end()
        return found

    def end(self) -> None:
        """Watch no more."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._sums, self.memory = [], {}, {}

    def _adder(self, name: str) -> Callable[[Tensor], None]:
        def add(grad: Tensor) -> None:
            if not self.receiving:
                return
            self._note_memory(name, grad)
            grad, before = _dense(grad), self._sums.get(name)
            # A copy: autograd hands the same memory on to .grad.
            self._sums[name] = grad.clone() if before is None else before + grad

        return add

    def _note_memory(self, name: str, grad: Tensor) -> None:
        if name in self._sums:
            self.memory.pop(name, None)  # the sum of several passes is elsewhere
        elif torch.compiler.is_compiling():
            pass  # there is no memory yet
        elif type(grad) is Tensor and grad.layout == torch.strided:
            self.memory[name] = memory_of(grad)


def memory_of(x: Tensor) -> tuple[int, int]:
    """Where a tensor is, and its version: the same ones mean the same numbers.

    But for those who write there behind autograd's back (``x.data``).
    """
    return x.data_ptr(), x._version


def _dense(grad: Tensor) -> Tensor:
    """A gradient as a plain tensor in at least single precision: unscaled, it may underflow."""
    return widened(grad.detach() if grad.layout == torch.strided else grad.detach().to_dense())
