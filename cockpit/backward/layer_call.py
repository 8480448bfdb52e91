"""One call of one layer, and which modules are layers: what rules are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

__all__ = [
    "LayerCall",
    "Place",
    "capturable_modules",
    "maker",
    "operation",
    "origin",
    "saves_elsewhere",
    "unit_parameters",
]

# Nodes that put the same numbers, or some of them, into another shape or precision.
RESHAPING = {
    *("T", "Transpose", "Permute", "View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze"),
    *("Clone", "Alias", "ToCopy", "Select", "Slice"),
}


# Nodes by which all numbers of a feature are shifted and multiplied alike, or some of them zeroed.
SCALING = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "NativeDropout", "FusedDropout"}


@dataclass(eq=False)
class LayerCall:
    """One call of one layer in a forward pass.

    Attributes:
        module: The layer.
        inputs: Its positional arguments, tensors detached.
        keywords: Its keyword arguments, tensors detached.
        versions: Version counters of the input tensors when the layer ran.
        shapes: Shapes of the output tensors that carry a gradient, by their place.
        grads: Gradient with respect to each output tensor, by its place among the outputs.
        order: When the output was there, counted in nodes of the graph.
        is_packed: Whether what its operations save is kept elsewhere, see
            :func:`saves_elsewhere`.
        source: Where in the graph its first input was made, see :func:`origin`.
        is_multiplied: Whether that was multiplied since by numbers that carry no gradient.
        superseded: Parameters (by identity) that other uses of theirs stand for in its stead.
        identity: The same for all copies of a call that carry other gradients.
    """

    module: Any  # an nn.Module; rules know which
    inputs: tuple[Any, ...]
    keywords: dict[str, Any]
    versions: tuple[int, ...]
    shapes: dict[int, torch.Size] = field(default_factory=dict)
    grads: dict[int, Tensor] = field(default_factory=dict)
    order: int = 0
    is_packed: bool = False
    source: Place | None = None
    is_multiplied: bool = False
    superseded: set[int] = field(default_factory=set)
    identity: object = field(default_factory=object)

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The trainable parameters that this call stands for, by name within the module."""
        for name, p in unit_parameters(self.module):
            if p.requires_grad and id(p) not in self.superseded:
                yield name, p

    def receive(self, place: int, grad: Tensor) -> None:
        """Take the gradient at an output."""
        self.grads[place] = grad if place not in self.grads else self.grads[place] + grad

    def signature(self) -> tuple:
        """Equal for the calls of a layer that differ in lengths at most."""
        return (id(self.module), *((place, len(s)) for place, s in self.shapes.items()))

    def release(self) -> None:
        """Let go of all tensors, however long the graph that refers to this call lives."""
        self.inputs, self.keywords, self.versions, self.grads = (), {}, (), {}

    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments."""
        return [x for x in tree_leaves((self.inputs, self.keywords)) if isinstance(x, Tensor)]

    def is_intact(self) -> bool:
        """Whether no input has been overwritten since the layer ran."""
        return self.versions == tuple(x._version for x in self.tensors())


class Place(NamedTuple):
    """Where in the graph numbers were made, see :func:`origin`.

    Attributes:
        node: Number of the node that made them.
        output: Which of its outputs they are.
    """

    node: int
    output: int


def origin(node: Any, number: int) -> tuple[Place | None, bool]:
    """Where in the graph the numbers were made that stand at one place of it.

    Steps that only reshape them are passed over, and those that scale them: normalization of the
    batch, dropout, and multiplication with numbers that carry no gradient.

    Args:
        node: Their node, ``None`` where they have none.
        number: Which of its outputs they are.

    Returns:
        What made them, ``None`` if that is not in the graph; and whether they were multiplied
        since: on a CPU, dropout is that, but so is a gate made by hand.
    """
    multiplied = False
    while True:
        node, number = maker(node, number)
        if node is None:
            return None, multiplied
        is_product = operation(node) == "Mul" and not any(n for n, _ in node.next_functions[1:])
        if not is_product and operation(node) not in SCALING:
            return Place(node._sequence_nr(), number), multiplied
        multiplied |= is_product
        node, number = next(iter(node.next_functions), (None, 0))


def operation(node: Any) -> str:
    """How torch calls what a node of the graph stands for, e.g. ``Addmm``."""
    return type(node).__name__.rstrip("0123456789").removesuffix("Backward")


def maker(node: Any, number: int = 0) -> tuple[Any, int]:
    """The node that made the numbers that a node returns, and which of its outputs they are.

    Args:
        node: ``None`` of numbers that have none; so is the found one where it is not in the graph.
        number: Which output of the node.
    """
    while node is not None and operation(node) in RESHAPING:
        node, number = next(iter(node.next_functions), (None, 0))
    return node, number


def saves_elsewhere() -> bool:
    """Whether hooks take what operations save: activation checkpoints, offloading.

    To look at it then would run a part of the model again, or bring it back.
    """
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    if top is None:
        return True  # it can't be told
    try:
        return top(True) is not None
    except TypeError:  # of older torch
        return top() is not None


def capturable_modules(model: nn.Module) -> Iterator[nn.Module]:
    """The modules that own parameters, frozen ones too: they may be thawed.

    An attention layer stands for its projections. Scripted parts take no hooks.
    """
    inside: set[nn.Module] = set()
    for module in model.modules():
        if module in inside or isinstance(module, torch.jit.ScriptModule):
            continue
        if _is_unit(module):
            inside.update(module.children())
        if next(unit_parameters(module), None) is not None:
            yield module


def unit_parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that a call of this module uses itself, by name within the module."""
    if _is_unit(module):
        yield from module.named_parameters()
    else:  # at each tracked step for each layer, so without torch's detours
        yield from ((name, p) for name, p in module._parameters.items() if p is not None)


def _is_unit(module: nn.Module) -> bool:
    """Whether the module uses the weights of its children without calling them."""
    return isinstance(module, nn.MultiheadAttention)
