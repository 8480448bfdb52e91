"""In which order the elements of a parameter's individual gradients lie in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["MemoryOrder"]


@dataclass(frozen=True)
class MemoryOrder:
    """A sequence of the parameter's axes, so that nothing has to be moved to go through all.

    Attributes:
        shape: Of the parameter.
        axes: From the slowest to the fastest.
    """

    shape: torch.Size
    axes: tuple[int, ...]

    @classmethod
    def of(cls, individual: Tensor) -> MemoryOrder:
        """That of individual gradients [n, *shape]."""
        steps = individual.stride()[1:]
        axes = sorted(range(len(steps)), key=lambda axis: -steps[axis])
        return cls(individual.shape[1:], tuple(axes))

    def rows(self, individual: Tensor) -> Tensor:
        """Individual gradients [n, *shape] as [n, P]; a view if they lie in this order."""
        return individual.permute(0, *(axis + 1 for axis in self.axes)).reshape(len(individual), -1)

    def flat(self, x: Tensor) -> Tensor:
        """P elements in the parameter's order, brought into this one: shape [P]."""
        return x.reshape(self.shape).permute(self.axes).flatten()

    def restored(self, x: Tensor) -> Tensor:
        """P elements in this order, brought back into the parameter's shape."""
        places = [self.axes.index(axis) for axis in range(len(self.axes))]
        return x.view([self.shape[axis] for axis in self.axes]).permute(places).contiguous()
