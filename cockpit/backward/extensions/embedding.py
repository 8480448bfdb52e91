"""Look-up tables."""

from __future__ import annotations

from torch import Tensor, nn

from cockpit.backward.capture import LayerCall
from cockpit.backward.extensions.base import Chunked, Contribution, Unsupported, rule, widened

__all__ = ["embedding"]


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
    rows = index.shape[0]
    b = b.reshape(rows, -1, b.shape[-1])
    index = index.reshape(rows, -1)
    if module.padding_idx is not None:
        b = b.masked_fill((index == module.padding_idx).unsqueeze(-1), 0)

    def make(start: int, stop: int) -> Tensor:
        out = b.new_zeros(stop - start, *module.weight.shape)
        target = index[start:stop].unsqueeze(-1).expand(-1, -1, b.shape[-1])
        return out.scatter_add_(1, target, b[start:stop])

    return {"weight": Chunked(make, rows)}
