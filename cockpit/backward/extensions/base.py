"""How a layer's individual gradients follow from its input and output gradient.

A *rule* is one registered pure function per kind of layer: it turns a :class:`LayerCall` into a
contribution for each parameter of the layer, in the scale of the backward pass. Rules speak of
*rows*, the first axis of the layer's output; a row is a sample, or one of several rows of a sample
where the model folds another axis into the first. Layers that are no function of single rows
(recurrent ones, and all that are run again) have rules that are told the samples' layout instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from cockpit.backward.layer_call import LayerCall
from cockpit.backward.layout import Layout
from cockpit.linalg import widened

if TYPE_CHECKING:
    from cockpit.backward.nodes.use import NodeUse

__all__ = [
    "Chunked",
    "Contribution",
    "Coverage",
    "Outer",
    "Unsupported",
    "contributions",
    "coverage",
    "rule",
    "rule_for_whole_layers",
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
WholeRule = Callable[[LayerCall, Layout, int], dict[str, Contribution]]

_RULES: dict[type[nn.Module], Rule] = {}
_WHOLE: dict[type[nn.Module], WholeRule] = {}


class Coverage(Enum):
    """What a call of a layer stands for of the uses of its parameters."""

    ONE_USE = "it has a rule, and uses each parameter once"
    EVERY_USE = "it has a rule, and uses its parameters as often as it likes"
    FALLBACK = "it can be run again, where the single operations can't be followed"
    NOTHING = "it has layers of its own, so it can't be run again"


def coverage(module: nn.Module) -> Coverage:
    """See :class:`Coverage`."""
    if type(module) in _RULES:
        return Coverage.ONE_USE
    if type(module) in _WHOLE and type(module) is not nn.Module:
        return Coverage.EVERY_USE
    inside = not isinstance(module, nn.MultiheadAttention) and any(True for _ in module.children())
    return Coverage.NOTHING if inside else Coverage.FALLBACK


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


def rule_for_whole_layers(*kinds: type[nn.Module]) -> Callable[[WholeRule], WholeRule]:
    """As :func:`rule`, for functions ``(call, layout, batch_size)`` of calls as they were."""

    def register(function: WholeRule) -> WholeRule:
        for kind in kinds:
            _WHOLE[kind] = function
        return function

    return register


def contributions(
    use: LayerCall | NodeUse, layout: Layout | None = None, batch_size: int = 0
) -> dict[str, Contribution]:
    """The contributions of a use, by parameter name within the layer.

    Args:
        use: A layer call, or a parameter in an operation.
        layout: Where the samples are in its output; default: rows, sample by sample.
        batch_size: N; needed with a layout.

    Raises:
        Unsupported: If they can't be known.
    """
    layout = layout or Layout()
    if not use.is_intact():
        raise Unsupported("its input was overwritten in place before it could be used")
    if any(grad.is_complex() for grad in use.grads.values()):
        raise Unsupported("there is no rule for complex numbers")
    if not isinstance(use, LayerCall):
        return {"": use.contribution(layout, batch_size)}
    kind = type(use.module)
    if kind in _RULES:
        return _RULES[kind](_in_rows(_positional(use), layout, batch_size))
    return _WHOLE.get(kind, _WHOLE[nn.Module])(use, layout, batch_size)


def _positional(call: LayerCall) -> LayerCall:
    """The call with its keyword arguments in their places."""
    if not call.keywords:
        return call
    bound = inspect.signature(type(call.module).forward).bind(
        call.module, *call.inputs, **call.keywords
    )
    return replace(call, inputs=bound.args[1:], keywords={})


def _in_rows(call: LayerCall, layout: Layout, batch_size: int) -> LayerCall:
    """The call as it would be with all that belongs to a sample in rows one after the other."""
    if layout == Layout():
        return call
    leading = call.grads[0].shape[: layout.axis + 1]

    def move(x: Tensor) -> Tensor:
        return layout.rows(x, batch_size) if x.shape[: layout.axis + 1] == leading else x

    arguments: Any = tree_map_only(Tensor, move, (call.inputs, call.keywords, call.grads))
    inputs, keywords, grads = arguments
    return replace(call, inputs=inputs, keywords=keywords, grads=grads)


def sum_positions(x: Tensor, shape: torch.Size) -> Tensor:
    """Sum [rows, …, *shape] over all axes between the first and the trailing ``shape``."""
    return x.reshape(x.shape[0], -1, *shape).sum(1)
