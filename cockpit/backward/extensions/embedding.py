"""Look-up tables."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cockpit.backward.extensions.base import Chunked, Contribution, Unsupported, rule, widened
from cockpit.backward.layer_call import LayerCall

__all__ = ["embedding", "scattered"]


@rule(nn.Embedding)
def embedding(call: LayerCall) -> dict[str, Contribution]:
    """Weight: the output gradients, added to the row of their index; none to ``padding_idx``."""
    module: nn.Embedding = call.module
    if module.scale_grad_by_freq:
        raise Unsupported("scale_grad_by_freq couples the samples of a batch")
    b = widened(call.grads[0])
    index = call.inputs[0]
    if index.dim() == 0:
        raise Unsupported("its input has no sample axis")
    index = index.reshape(index.shape[0], -1)
    b = b.reshape(*index.shape, -1)
    return {"weight": scattered(index, b, module.weight.shape, module.padding_idx)}


def scattered(index: Tensor, b: Tensor, shape: torch.Size, padding_idx: int | None) -> Contribution:
    """Gradients of a table's rows.

    Args:
        index: Which row was looked up, [rows, L].
        b: The gradient at each, [rows, L, d].
        shape: Of the table.
        padding_idx: A row that gets none.
    """
    if padding_idx is not None:
        b = b.masked_fill((index == padding_idx).unsqueeze(-1), 0)

    def make(start: int, stop: int) -> Tensor:
        out = b.new_zeros(stop - start, *shape)
        target = index[start:stop].unsqueeze(-1).expand(-1, -1, b.shape[-1])
        return out.scatter_add_(1, target, b[start:stop])

    return Chunked(make, index.shape[0])
