"""Matrix products, look-ups and convolutions that are called with a parameter as their weight."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from cockpit.backward.extensions.base import Chunked, Contribution, Outer, Unsupported, widened
from cockpit.backward.extensions.convolution import convolution, transposed_convolution
from cockpit.backward.extensions.embedding import scattered
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.layout import Layout
from cockpit.backward.nodes.operations import first_axis, leading_axes, operation, second_axis
from cockpit.backward.nodes.use import NodeUse

__all__ = ["convolved", "looked_up", "multiplied_from_left", "multiplied_from_right"]


@operation("Mm", place=1, axes=first_axis, saved=("self",))
@operation("Addmm", place=2, axes=first_axis, saved=("mat1", "alpha"))
def multiplied_from_right(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """XW: the rows of X are the samples', g = Xₙᵀ Bₙ."""
    b, x = _operands(use, layout, batch_size)
    return Outer(b, x)


@operation("Mm", place=0, axes=second_axis, saved=("mat2",))
@operation("Addmm", place=1, axes=second_axis, saved=("mat2", "alpha"))
def multiplied_from_left(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """WX: the columns of X are the samples', g = Bₙ Xₙᵀ."""
    b, x = _operands(use, layout, batch_size)
    return Outer(x, b)


def _operands(use: NodeUse, layout: Layout, batch_size: int) -> tuple[Tensor, Tensor]:
    """Output gradient and factor, [N, T, …] each."""
    b = widened(use.grads[0])
    (x,) = use.saved.values()
    alpha = use.options.get("alpha", 1)
    both = (layout.split(t, batch_size) for t in (b if alpha == 1 else b * alpha, x.to(b.dtype)))
    b, x = (t.unsqueeze(1) if t.dim() == 2 else t for t in both)
    # Columns that were folded have their positions last.
    return (b, x) if layout.axis == 0 else (_positions_first(b), _positions_first(x))


def _positions_first(x: Tensor) -> Tensor:
    return x if x.shape[1] == 1 else x.mT


@operation("Mv", place=1, axes=first_axis, saved=("self",))
def multiplied_vector(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Xw: the rows of X, each with the gradient of its product."""
    b = widened(use.grads[0])
    x = layout.split(use.saved["self"].to(b.dtype), batch_size)
    x = x.reshape(batch_size, -1, x.shape[-1])
    b = layout.split(b, batch_size).reshape(batch_size, 1, -1)
    return Chunked.of((b @ x).squeeze(1))


@operation("Bmm", place=1, axes=second_axis, saved=("self",))
def multiplied_in_groups(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """[H, R, i] times [H, i, o], a matrix for each head; the rows are the samples'."""
    b = widened(use.grads[0])
    x = use.saved["self"].to(b.dtype)
    b, x = (layout.split(t, batch_size) for t in (b, x))
    b, x = (t.unsqueeze(2) if t.dim() == 3 else t for t in (b, x))
    return Chunked(lambda start, stop: x[start:stop].mT @ b[start:stop], batch_size)


LOOK_UP = ("indices", "padding_idx", "scale_grad_by_freq")


@operation("Embedding", place=0, axes=leading_axes, saved=LOOK_UP)
def looked_up(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Rows of a table."""
    if use.options["scale_grad_by_freq"]:
        raise Unsupported("scale_grad_by_freq couples the samples of a batch")
    index = layout.split(use.saved["indices"], batch_size).reshape(batch_size, -1)
    b = layout.split(widened(use.grads[0]), batch_size).reshape(*index.shape, -1)
    return scattered(index, b, use.input_shape, use.options["padding_idx"])


def index_axes(node: Any, place: int) -> tuple[int, ...]:
    """The axes of a single index tensor for the first axis; none if it is another index."""
    (index, *others) = node._saved_indices
    return () if others or index is None else tuple(range(index.dim()))


@operation("Index", place=0, axes=index_axes, saved=("indices",))
def indexed(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Rows of a table by ``table[index]``."""
    index = layout.split(use.saved["indices"], batch_size).reshape(batch_size, -1)
    b = layout.split(widened(use.grads[0]), batch_size)
    length = use.input_shape[1:].numel()
    table = torch.Size((use.input_shape[0], length))
    return scattered(index, b.reshape(*index.shape, length), table, None)


@operation("IndexSelect", place=0, axes=first_axis, saved=("index", "dim"))
def selected(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Rows of a table by ``index_select``."""
    if use.options["dim"] % len(use.input_shape) or len(use.input_shape) != 2:
        raise Unsupported("it is indexed along another axis than the first of two")
    index = layout.split(use.saved["index"], batch_size).reshape(batch_size, -1)
    b = layout.split(widened(use.grads[0]), batch_size).reshape(*index.shape, -1)
    return scattered(index, b, use.input_shape, None)


GEOMETRY = ("stride", "padding", "dilation", "output_padding")
CONVOLUTION = ("input", "groups", "transposed", *GEOMETRY)


@operation("Convolution", place=1, axes=first_axis, saved=CONVOLUTION)
def convolved(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """By the rule of the layer, whose attributes the node has saved."""
    module = SimpleNamespace(
        **{name: tuple(use.options[name]) for name in GEOMETRY},
        groups=use.options["groups"],
        kernel_size=tuple(use.input_shape[2:]),
        padding_mode="zeros",
        weight=SimpleNamespace(shape=use.input_shape),
    )
    call = LayerCall(module, (layout.rows(use.saved["input"], batch_size),), {}, ())
    call.grads = {0: layout.rows(use.grads[0], batch_size)}
    rule = transposed_convolution if use.options["transposed"] else convolution
    return rule(call)["weight"]


@operation("Convolution", place=2, axes=first_axis)
def convolution_bias(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Summed over positions."""
    b = layout.rows(widened(use.grads[0]), batch_size)
    return Chunked.of(b.flatten(2).sum(2))
