"""One use of one parameter: an operation of the forward pass, as its node in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cockpit.backward.extensions.base import Contribution, Unsupported
from cockpit.backward.layout import Layout, layouts_along

__all__ = ["NodeUse", "Operation", "Pull", "kind_of", "shape_of_input"]

Pull = Callable[[Contribution], Contribution]  # back over a step, to the gradients of its input


@dataclass(frozen=True)
class Operation:
    """How a parameter enters the samples' part of the graph.

    Attributes:
        contribute: ``(use, layout, batch_size)`` to what the samples contribute to the
            operation's input, in that input's shape.
        axes: Axes of the operation's output that may run over the samples.
        saved: Names of the node's saved tensors that this takes.
        at_once: Whether the node itself has to be run, while its graph is alive.
        shape: Of the output, where the node has another one.
    """

    contribute: Callable[[NodeUse, Layout, int], Contribution]
    axes: tuple[int, ...] = (0,)
    saved: tuple[str, ...] = ()
    at_once: bool = False
    shape: torch.Size | None = None


@dataclass(eq=False)
class NodeUse:
    """A parameter on its way into the samples' part of the graph.

    Attributes:
        parameter: The parameter.
        node: The operation that joins it with the samples; ``None`` once released.
        place: Which of its inputs the parameter (or what was made of it) is.
        operation: Its rule, or ``None`` if there is none.
        pulls: The steps between parameter and operation (transposed, cut, cast, …), each as the
            map that takes gradients back over it, the parameter's own step first.
        reason: Why there is no rule.
        positions_first: The layout that is likely: samples after positions, as in attention.
        turn: Its place among the uses of the parameter.
        saved: What the node saved for its backward pass.
        grads: The gradient at the operation's output, at place 0.
        identity: The same for all copies that carry other gradients.
    """

    parameter: Tensor
    node: Any
    place: int
    operation: Operation | None
    pulls: tuple[Pull, ...] = ()
    reason: str = ""
    positions_first: bool = False
    turn: int = 0
    saved: dict[str, Tensor] = field(default_factory=dict)
    versions: tuple[int, ...] = ()
    grads: dict[int, Tensor] = field(default_factory=dict)
    input_shape: torch.Size = field(default_factory=torch.Size)
    output_shape: torch.Size = field(default_factory=torch.Size)
    options: dict[str, Any] = field(default_factory=dict)
    identity: object = field(default_factory=object)

    def __post_init__(self) -> None:
        if self.node is not None and not self.output_shape:
            self.input_shape = shape_of_input(self.node, self.place)
            own = None if self.operation is None else self.operation.shape
            self.output_shape = own or torch.Size(self.node._input_metadata[0].shape)
            self._take_saved()

    def _take_saved(self) -> None:
        """Keep what the node saved, before the backward pass frees it."""
        if self.operation is None:
            return
        for name in self.operation.saved:
            value = getattr(self.node, f"_saved_{name}")
            if name == "indices" and not isinstance(value, Tensor):
                (value,) = value
            if isinstance(value, Tensor):
                self.saved[name] = value.detach().clone() if _is_leaf(value) else value.detach()
            else:
                self.options[name] = value
        self.versions = tuple(x._version for x in self.saved.values())

    def parameters(self) -> Iterator[tuple[str, Any]]:
        """The parameter, under the name that its contribution has."""
        yield "", self.parameter

    def tensors(self) -> list[Tensor]:
        """The tensors that were saved."""
        return list(self.saved.values())

    def receive(self, place: int, grad: Tensor) -> None:
        """Take the gradient at the output; run the node where that has to be now."""
        if self.operation is not None and self.operation.at_once and self.node is not None:
            with torch.no_grad():
                made = self.node(grad)
            grad = (made if isinstance(made, tuple) else (made,))[self.place]
            if grad is None:  # a backward pass to some of the inputs only
                self.operation, self.reason = None, "its gradient was not asked for"
                grad = torch.empty(0)
        self.grads[place] = grad if place not in self.grads else self.grads[place] + grad

    def contribution(self, layout: Layout, batch_size: int) -> Contribution:
        """What the samples contribute to the parameter, in its shape.

        Raises:
            Unsupported: If that can't be known.
        """
        if self.operation is None:
            raise Unsupported(self.reason)
        made = self.operation.contribute(self, layout, batch_size)
        for pull in reversed(self.pulls):
            made = pull(made)
        return made

    def is_intact(self) -> bool:
        """Whether nothing that was saved has been overwritten."""
        return self.versions == tuple(x._version for x in self.saved.values())

    def release(self) -> None:
        """Let go of all tensors and of the graph."""
        self.node, self.saved, self.versions, self.grads, self.pulls = None, {}, (), {}, ()

    def signature(self) -> tuple:
        """Equal for the same use with other lengths."""
        return (id(self.parameter), self.turn, self.place, len(self.output_shape))

    def layouts(self, batch_size: int) -> tuple[list[Layout], bool]:
        """The layouts that the output's shape allows, and whether the first one is certain."""
        if self.operation is None:
            return [Layout()], True
        found = layouts_along(self.output_shape, self.operation.axes, batch_size)
        alone = [x for x in found if self.output_shape[x.axis] == batch_size]
        if self.positions_first:
            return alone[::-1] + found[len(alone) :][::-1], False
        return found, len(alone) == 1 and self.operation.axes != (1,)


def _is_leaf(x: Tensor) -> bool:
    """Whether it is a parameter, or a view of one, which the optimizer moves."""
    base = x if x._base is None else x._base
    return base.is_leaf and base.requires_grad


def kind_of(node: Any) -> str:
    """The operation's name: ``Mul`` of ``MulBackward0``."""
    return type(node).__name__.rstrip("0123456789").removesuffix("Backward")


def shape_of_input(node: Any, place: int) -> torch.Size:
    """Shape of an operation's input that carries a gradient."""
    source, number = node.next_functions[place]
    return torch.Size(source._input_metadata[number].shape)
