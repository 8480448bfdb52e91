"""What a backward pass gives to the parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cockpit.linalg import widened

__all__ = ["AccumulatedGradients", "GradientsOfPass", "LocalGradients"]


class GradientsOfPass(ABC):
    """Watches the parameters from before a backward pass until it is over."""

    @abstractmethod
    def take(self) -> dict[str, Tensor]:
        """What this pass has given, by name, in at least single precision; ends the watch."""

    @abstractmethod
    def end(self) -> None:
        """Watch no more."""


class AccumulatedGradients(GradientsOfPass):
    """By the difference that the pass makes to ``.grad``.

    Args:
        parameters: By name.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = parameters
        self._before = {
            name: p.grad.detach().clone() for name, p in parameters.items() if p.grad is not None
        }

    def take(self) -> dict[str, Tensor]:
        """See the base class."""
        found: dict[str, Tensor] = {}
        for name, p in self._parameters.items():
            if p.grad is not None:
                grad, before = _dense(p.grad), self._before.get(name)
                found[name] = grad.clone() if before is None else grad - _dense(before)
        self.end()
        return found

    def end(self) -> None:
        """See the base class."""
        self._before = {}


class LocalGradients(GradientsOfPass):
    """By hooks on the parameters: what this process gives, before ranks average their gradients.

    Such a hook runs before the gradient is accumulated, and so before DistributedDataParallel,
    which waits for that, exchanges it.

    Args:
        parameters: By name.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._sums: dict[str, Tensor] = {}
        self._handles = [p.register_hook(self._adder(name)) for name, p in parameters.items()]

    def take(self) -> dict[str, Tensor]:
        """See the base class."""
        found, self._sums = self._sums, {}
        self.end()
        return found

    def end(self) -> None:
        """See the base class."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._sums = [], {}

    def _adder(self, name: str) -> Callable[[Tensor], None]:
        def add(grad: Tensor) -> None:
            grad, before = _dense(grad), self._sums.get(name)
            # A copy: autograd hands the same memory on to .grad, where the ranks' mean goes.
            self._sums[name] = grad.clone() if before is None else before + grad

        return add


def _dense(grad: Tensor) -> Tensor:
    """A gradient as a plain tensor in at least single precision: unscaled, it may underflow."""
    return widened(grad.detach() if grad.layout == torch.strided else grad.detach().to_dense())
