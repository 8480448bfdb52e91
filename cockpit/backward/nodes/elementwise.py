"""Elementwise operations that broadcast a parameter over the samples.

The gradient of each sample is the product with the other operand, summed over what else was
broadcast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cockpit.backward.extensions.base import Chunked, Contribution, Unsupported, widened
from cockpit.backward.layout import Layout
from cockpit.backward.nodes.operations import broadcast_axes, first_axis, operation
from cockpit.backward.nodes.steps import summed_to
from cockpit.backward.nodes.use import NodeUse, kind_of

__all__ = ["by_running"]


@operation("", place=0, axes=broadcast_axes)
@operation("Expand", place=0, axes=broadcast_axes)
def by_running(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Nothing is left to multiply, or the node was run when its gradient came."""
    return _sum_of_samples(use, widened(use.grads[0]), layout, batch_size)


@operation("Repeat", place=0, axes=broadcast_axes)
def repeated(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Along axes of length one, ``repeat`` is a broadcast."""
    padded = (1,) * (len(use.output_shape) - len(use.input_shape)) + tuple(use.input_shape)
    if any(o != i and i != 1 for o, i in zip(use.output_shape, padded, strict=True)):
        raise Unsupported("it is repeated along an axis of its own")
    return by_running(use, layout, batch_size)


@operation("Add", "Sub", place=0, axes=broadcast_axes)
def added(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Sums: x + p, p - x."""
    return by_running(use, layout, batch_size)


@operation("Add", place=1, axes=broadcast_axes, saved=("alpha",))
def added_after(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Sums: x + αp."""
    alpha = use.options["alpha"]
    grad = widened(use.grads[0])
    return _sum_of_samples(use, grad if alpha == 1 else grad * alpha, layout, batch_size)


@operation("Sub", place=1, axes=broadcast_axes, saved=("alpha",))
def subtracted(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Differences: x - αp."""
    grad = widened(use.grads[0]) * -use.options["alpha"]
    return _sum_of_samples(use, grad, layout, batch_size)


@operation("Mul", place=0, axes=broadcast_axes, saved=("other",))
@operation("Mul", place=1, axes=broadcast_axes, saved=("self",))
def multiplied(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Products p ⊙ x."""
    (other,) = use.saved.values()
    return _sum_of_samples(use, widened(use.grads[0]) * other, layout, batch_size)


@operation("Div", place=0, axes=broadcast_axes, saved=("other",))
def divided(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Quotients p / x."""
    return _sum_of_samples(use, widened(use.grads[0]) / use.saved["other"], layout, batch_size)


@operation("Addmm", place=0, axes=first_axis, saved=("beta",))
def added_to_product(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """βp + XW: the bias of a linear map."""
    beta = use.options["beta"]
    grad = widened(use.grads[0])
    return _sum_of_samples(use, grad if beta == 1 else grad * beta, layout, batch_size)


@operation("NativeLayerNorm", place=1, axes=broadcast_axes, saved=("input", "result1", "result2"))
def layer_norm_weight(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Products p ⊙ x̂, with mean and 1/deviation as they were saved."""
    x, mean, scale = (use.saved[k] for k in ("input", "result1", "result2"))
    b = widened(use.grads[0])
    return _sum_of_samples(use, b * ((x.to(b.dtype) - mean) * scale), layout, batch_size)


@operation("NativeLayerNorm", place=2, axes=broadcast_axes)
def layer_norm_bias(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """As a sum."""
    return by_running(use, layout, batch_size)


@operation("NativeGroupNorm", "NativeBatchNorm", place=2, axes=first_axis)
def channel_norm_bias(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Summed over all but samples and channels."""
    return _sum_of_channels(widened(use.grads[0]), layout, batch_size)


@operation("NativeGroupNorm", place=1, axes=first_axis, saved=("input", "group", "eps"))
def group_norm_weight(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Products p ⊙ x̂ for each channel."""
    b = widened(use.grads[0])
    x = use.saved["input"].to(b.dtype).reshape(b.shape)
    normalized = F.group_norm(x, use.options["group"], eps=use.options["eps"])
    return _sum_of_channels(b * normalized, layout, batch_size)


BATCH_NORM = ("input", "running_mean", "running_var", "training", "eps")


@operation("NativeBatchNorm", place=1, axes=first_axis, saved=BATCH_NORM)
def batch_norm_weight(use: NodeUse, layout: Layout, batch_size: int) -> Contribution:
    """Products p ⊙ x̂, with the statistics of the batch or the running ones."""
    b = widened(use.grads[0])
    x, eps = use.saved["input"].to(b.dtype), use.options["eps"]
    if use.options["training"]:
        normalized = F.batch_norm(x, None, None, training=True, eps=eps)
    else:
        normalized = F.batch_norm(x, use.saved["running_mean"], use.saved["running_var"], eps=eps)
    return _sum_of_channels(b * normalized, layout, batch_size)


def _sum_of_channels(unreduced: Tensor, layout: Layout, batch_size: int) -> Contribution:
    rows = layout.rows(unreduced, batch_size)
    rows = rows.flatten(2).sum(2) if rows.dim() > 2 else rows
    return Chunked.of(rows.reshape(batch_size, -1, rows.shape[1]).sum(1))


def _sum_of_samples(
    use: NodeUse, unreduced: Tensor, layout: Layout, batch_size: int
) -> Contribution:
    """Sum over all that was broadcast but the samples."""
    if unreduced.shape != use.output_shape:
        kind = kind_of(use.node)
        raise Unsupported(f"it is used in an operation that Cockpit has no rule for ({kind})")
    kept = list((1,) * (len(use.output_shape) - len(use.input_shape)) + tuple(use.input_shape))
    del kept[layout.axis]
    first = layout.split(unreduced, batch_size)
    if first.dim() > unreduced.dim():  # what was folded with the samples
        first = first.sum(layout.axis + 1)
    individual = summed_to(first, torch.Size(kept))
    return Chunked.of(individual.reshape(batch_size, *use.input_shape))
