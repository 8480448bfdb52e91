"""Convolutions and transposed convolutions in one, two and three dimensions.

The weight's individual gradient is a matrix product of the output gradient and the input's patches
(im2col). They are made for a few samples at a time: all at once they would take kernel-size times
the memory of the input. Between kernel positions and channels the channels come last, as then
patches are copied in long runs (about 5 times faster); so the gradients lie in memory in that
order, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit.backward.extensions.base import Chunked, Contribution, Unsupported, rule, widened
from cockpit.backward.layer_call import LayerCall

__all__ = ["convolution", "transposed_convolution"]

Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
ConvTranspose = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


@rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(call: LayerCall) -> dict[str, Contribution]:
    """Weight [o, i/groups, *k]: bᵀ patches(a), group by group. Bias: b summed over positions."""
    module: Conv = call.module
    b = widened(call.grads[0])
    weight = _weight(b, _padded(module, call.inputs[0].to(b.dtype)), module)
    return {"weight": weight, "bias": Chunked.of(b.flatten(2).sum(2))}


@rule(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(call: LayerCall) -> dict[str, Contribution]:
    """Weight [i, o/groups, *k]: the convolution's rule with input and output gradient swapped."""
    module: Any = call.module
    b = widened(call.grads[0])
    a = call.inputs[0].to(b.dtype)
    padded = F.pad(b, _on_both_sides(module.padding))
    return {"weight": _weight(a, padded, module), "bias": Chunked.of(b.flatten(2).sum(2))}


def _padded(module: Conv, a: Tensor) -> Tensor:
    """The input with its padding made explicit."""
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    if isinstance(module.padding, str):
        widths = module._reversed_padding_repeated_twice
    else:
        widths = _on_both_sides(module.padding)
    return F.pad(a, widths, mode=mode) if any(widths) else a


def _on_both_sides(padding: Sequence[int]) -> list[int]:
    """Widths as ``pad`` takes them, the last axis first."""
    return [width for p in reversed(padding) for width in (p, p)]


def _weight(left: Tensor, right: Tensor, module: Conv | ConvTranspose) -> Chunked:
    """Σ over positions of left ⊗ patches of right within each group, in the weight's shape.

    Args:
        left: Shape [N, channels, *positions].
        right: Shape [N, channels, *size], padded.
        module: Its kernel, stride, dilation and groups.
    """
    groups, kernel = module.groups, module.kernel_size
    positions = left.shape[2:]
    _check_fit(positions, right.shape[2:], module)
    count, area = math.prod(positions), math.prod(kernel)
    inner = right.shape[1] // groups
    left = left.flatten(2).unflatten(1, (groups, -1))  # [N, g, o, positions]
    # Channels last, [N, g, *size, i].
    right = right.unflatten(1, (groups, inner)).movedim(2, -1).contiguous()

    def make(start: int, stop: int) -> Tensor:
        patches = _patches(right[start:stop], positions, kernel, module)
        rows = (stop - start) * groups
        product = torch.bmm(
            left[start:stop].reshape(rows, -1, count), patches.reshape(rows, count, area * inner)
        )
        return product.view(stop - start, -1, *kernel, inner).movedim(-1, 2)

    return Chunked(make, left.shape[0])


def _check_fit(positions: Sequence[int], size: Sequence[int], module: Conv | ConvTranspose) -> None:
    """See that all patches lie inside: a forward pass of another kind may have made the output."""
    axes = zip(positions, size, module.kernel_size, module.stride, module.dilation, strict=True)
    if any((p - 1) * s + d * (k - 1) + 1 > length for p, length, k, s, d in axes):
        raise Unsupported("its output is larger than its kernel, stride and padding give")


def _patches(
    x: Tensor, positions: Sequence[int], kernel: Sequence[int], module: Conv | ConvTranspose
) -> Tensor:
    """View [n, g, *positions, *kernel, i] of an image [n, g, *size, i]; most elements repeat."""
    first, second, *across, last = x.stride()
    return x.as_strided(
        (*x.shape[:2], *positions, *kernel, x.shape[-1]),
        (
            first,
            second,
            *(step * s for step, s in zip(across, module.stride, strict=True)),
            *(step * d for step, d in zip(across, module.dilation, strict=True)),
            last,
        ),
        x.storage_offset(),
    )
