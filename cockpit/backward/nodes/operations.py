"""Which operations join a parameter with the samples, and the rule of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from cockpit.backward.extensions.base import Contribution
from cockpit.backward.layout import Layout
from cockpit.backward.nodes.steps import VIEWS
from cockpit.backward.nodes.use import NodeUse, Operation, shape_of_input

__all__ = ["broadcast_axes", "first_axis", "leading_axes", "operation", "rule_of", "second_axis"]

Contribute = Callable[[NodeUse, Layout, int], Contribution]
Axes = Callable[..., tuple[int, ...]]

_RULES: dict[tuple[str, int], tuple[Contribute, Axes, tuple[str, ...]]] = {}


def operation(
    *kinds: str, place: int, axes: Axes, saved: tuple[str, ...] = ()
) -> Callable[[Contribute], Contribute]:
    """Register a function as the rule for a parameter at this place of these operations.

    Args:
        *kinds: Names of the operations, as :func:`kind_of` gives them.
        place: Which input the parameter is.
        axes: ``(node, place)`` to the axes of the output that may run over the samples.
        saved: What the rule takes of what the node saved.
    """

    def register(function: Contribute) -> Contribute:
        for kind in kinds:
            _RULES[kind, place] = (function, axes, saved)
        return function

    return register


def rule_of(kind: str, node: Any, place: int) -> Operation | None:
    """The rule for a parameter at this place of an operation, or ``None``.

    An operation without a rule of its own that has broadcast its input is an elementwise one:
    it is run for its rule, see :func:`cockpit.backward.nodes.elementwise.by_running`.
    """
    if node._input_metadata[0].dtype.is_complex:
        return None
    if (kind, place) in _RULES:
        contribute, axes, saved = _RULES[kind, place]
        return Operation(contribute, axes(node, place), saved)
    shape = None
    if kind == "CopySlices":
        shape = _shape_in_place(node, place)
    elif kind in VIEWS or not type(node).__name__[-1].isdigit():
        return None  # a step; or no operation of torch's own: it may count its calls
    found = broadcast_axes(node, place, shape)
    if not found or not _is_broadcast(node, place, shape):
        return None
    return Operation(_RULES["", 0][0], found, at_once=True, shape=shape)


def _is_broadcast(node: Any, place: int, out: torch.Size | None) -> bool:
    """Whether the input's axes go with the output's, as those of elementwise operations do."""
    out = torch.Size(node._input_metadata[0].shape) if out is None else out
    pairs = zip(reversed(shape_of_input(node, place)), reversed(out), strict=False)
    return all(i in (1, o) for i, o in pairs)


def _shape_in_place(node: Any, place: int) -> torch.Size:
    """Shape of the view that an operation has overwritten with itself and an operand."""
    metadata = node._input_metadata[0]
    made = node(torch.zeros(metadata.shape, dtype=metadata.dtype, device=metadata.device))[place]
    return torch.Size(()) if made is None else made.shape


def broadcast_axes(node: Any, place: int, out: torch.Size | None = None) -> tuple[int, ...]:
    """Axes that the output has and the input has not."""
    out = torch.Size(node._input_metadata[0].shape) if out is None else out
    given = shape_of_input(node, place)
    if len(given) > len(out):
        return ()
    padded = (1,) * (len(out) - len(given)) + tuple(given)
    return tuple(k for k, (o, i) in enumerate(zip(out, padded, strict=True)) if i == 1 and o != 1)


def leading_axes(node: Any, place: int) -> tuple[int, ...]:
    """All axes but the last."""
    return tuple(range(len(node._input_metadata[0].shape) - 1))


def first_axis(node: Any, place: int) -> tuple[int, ...]:
    """Only the first axis."""
    return (0,)


def second_axis(node: Any, place: int) -> tuple[int, ...]:
    """Only the second axis."""
    return (1,)
