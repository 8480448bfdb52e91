"""Convolutions and transposed convolutions in one, two and three dimensions.

The weight's individual gradient is a matrix product of the output gradient and the unfolded
input (im2col). Patches are unfolded for a few samples at a time: all at once they would take
kernel-size times the memory of the input.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from unfoldNd import unfoldNd

from cockpit.backward.extensions.base import Chunked, Contribution, rule, widened
from cockpit.backward.layer_call import LayerCall

__all__ = ["convolution", "transposed_convolution"]

Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
ConvTranspose = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


@rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(call: LayerCall) -> dict[str, Contribution]:
    """Weight [o, i/groups, *k]: bᵀ unfold(a), group by group. Bias: b summed over positions."""
    module: Conv = call.module
    b = widened(call.grads[0])
    a, padding = _padded(module, call.inputs[0].to(b.dtype))

    def make(start: int, stop: int) -> Tensor:
        patches = _unfold(a[start:stop], module, padding)
        return _grouped_product(b[start:stop].flatten(2), patches, module)

    return {"weight": Chunked(make, b.shape[0]), "bias": Chunked.of(b.flatten(2).sum(2))}


@rule(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(call: LayerCall) -> dict[str, Contribution]:
    """Weight [i, o/groups, *k]: the convolution's rule with input and output gradient swapped."""
    module: Any = call.module
    b = widened(call.grads[0])
    a = call.inputs[0].to(b.dtype)

    def make(start: int, stop: int) -> Tensor:
        patches = _unfold(b[start:stop], module, module.padding)
        positions = a[start:stop].flatten(2)
        # output_padding adds positions at the end that no input reaches.
        return _grouped_product(positions, _crop(patches, a, b, module), module)

    return {"weight": Chunked(make, b.shape[0]), "bias": Chunked.of(b.flatten(2).sum(2))}


def _padded(module: Conv, a: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """The input with string and non-zero padding made explicit, and the zero padding left."""
    if module.padding_mode == "zeros" and not isinstance(module.padding, str):
        return a, module.padding
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    widths = module._reversed_padding_repeated_twice
    return F.pad(a, widths, mode=mode), (0,) * len(module.kernel_size)


def _unfold(x: Tensor, module: Conv | ConvTranspose, padding: tuple[int, ...]) -> Tensor:
    """Patches [n, channels · prod(k), positions]."""
    kernel, dilation, stride = module.kernel_size, module.dilation, module.stride
    if len(kernel) == 3:
        return unfoldNd(x, kernel, dilation=dilation, padding=padding, stride=stride)
    if len(kernel) == 1:
        x = x.unsqueeze(2)
        kernel, dilation, stride = (1, *kernel), (1, *dilation), (1, *stride)
        padding = (0, *padding)
    return F.unfold(x, kernel, dilation=dilation, padding=padding, stride=stride)


def _crop(patches: Tensor, a: Tensor, b: Tensor, module: Any) -> Tensor:
    """Keep the patch positions that belong to an input position."""
    wanted = a.shape[2:]
    have: list[int] = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip(
            b.shape[2:],
            module.padding,
            module.dilation,
            module.kernel_size,
            module.stride,
            strict=True,
        )
    ]
    if tuple(have) == tuple(wanted):
        return patches
    grid = patches.unflatten(2, have)
    for axis, size in enumerate(wanted):
        grid = grid.narrow(2 + axis, 0, size)
    return grid.flatten(2)


def _grouped_product(left: Tensor, patches: Tensor, module: Conv | ConvTranspose) -> Tensor:
    """Σ over positions of left ⊗ patches within each group, in the weight's shape."""
    shape = (left.shape[0], *module.weight.shape)
    if module.groups == 1:
        return torch.bmm(left, patches.transpose(1, 2)).reshape(shape)
    groups = module.groups
    product = torch.einsum(
        "ngol,ngil->ngoi", left.unflatten(1, (groups, -1)), patches.unflatten(1, (groups, -1))
    )
    return product.reshape(shape)
