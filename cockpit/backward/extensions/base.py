"""How a layer's individual gradients follow from its input and output gradient.

A *rule* is one registered pure function per kind of layer: it turns a :class:`LayerCall` into a
contribution for each parameter of the layer, in the scale of the backward pass. Rules speak of
*rows*, the first axis of the layer's output; a row is a sample, or one of several rows of a sample
where the model folds another axis into the first (sample-major).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cockpit.backward.capture import LayerCall
from cockpit.linalg import widened

__all__ = [
    "Chunked",
    "Contribution",
    "Outer",
    "Unsupported",
    "contributions",
    "rule",
    "widened",
]


class Unsupported(Exception):  # noqa: N818 - not an error: a fact about a layer
    """A layer call whose individual gradients can't be known; the text says why."""


@dataclass(frozen=True)
class Outer:
    """g = Σₜ bₜ aₜᵀ for each row, in the parameter's shape.

    Attributes:
        a: Shape [rows, T, columns of the parameter].
        b: Shape [rows, T, rows of the parameter].
    """

    a: Tensor
    b: Tensor

    @property
    def rows(self) -> int:
        """Length of the first axis."""
        return self.a.shape[0]

    def make(self, start: int, stop: int) -> Tensor:
        """Individual gradients of rows [start, stop), shape [n, o, i]."""
        return torch.bmm(self.b[start:stop].transpose(1, 2), self.a[start:stop])


@dataclass(frozen=True)
class Chunked:
    """Individual gradients that are made for a few rows at a time.

    Attributes:
        make: ``(start, stop)`` to a tensor of shape [stop − start, *parameter].
        rows: Length of the first axis.
    """

    make: Callable[[int, int], Tensor]
    rows: int

    @classmethod
    def of(cls, individual: Tensor) -> Chunked:
        """From individual gradients that are small enough to be held whole."""
        return cls(lambda start, stop: individual[start:stop], individual.shape[0])


Contribution = Outer | Chunked
Rule = Callable[[LayerCall], dict[str, Contribution]]

_RULES: dict[type[nn.Module], Rule] = {}


def rule(*kinds: type[nn.Module]) -> Callable[[Rule], Rule]:
    """Register a function as the rule for layers of exactly these classes.

    A subclass may compute something else in its ``forward``, so it gets the rule that is
    registered for ``nn.Module``: the general one.
    """

    def register(function: Rule) -> Rule:
        for kind in kinds:
            _RULES[kind] = function
        return function

    return register


def contributions(call: LayerCall) -> dict[str, Contribution]:
    """The contributions of a call, by parameter name within the layer.

    Raises:
        Unsupported: If they can't be known.
    """
    if not call.is_intact():
        raise Unsupported("its input was overwritten in place before it could be used")
    return _RULES.get(type(call.module), _RULES[nn.Module])(call)


def sum_positions(x: Tensor, shape: torch.Size) -> Tensor:
    """Sum [rows, …, *shape] over all axes between the first and the trailing ``shape``."""
    return x.reshape(x.shape[0], -1, *shape).sum(1)
