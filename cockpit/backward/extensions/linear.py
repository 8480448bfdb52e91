"""Linear and bilinear layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cockpit.backward.extensions.base import Chunked, Contribution, Outer, rule, widened
from cockpit.backward.layer_call import LayerCall

__all__ = ["bilinear", "linear"]


@rule(nn.Linear, nn.modules.linear.NonDynamicallyQuantizableLinear)
def linear(call: LayerCall) -> dict[str, Contribution]:
    """Weight: Σₜ bₜaₜᵀ over the positions t between the first and the last axis. Bias: Σₜ bₜ."""
    b = widened(call.grads[0])
    a = call.inputs[0].to(b.dtype)
    b = b.reshape(b.shape[0], -1, b.shape[-1])
    a = a.reshape(b.shape[0], -1, a.shape[-1])
    return {"weight": Outer(a, b), "bias": Chunked.of(b.sum(1))}


@rule(nn.Bilinear)
def bilinear(call: LayerCall) -> dict[str, Contribution]:
    """Weight [o, i, j]: Σₜ bₜ ⊗ xₜ ⊗ yₜ. Bias: Σₜ bₜ."""
    grad = widened(call.grads[0])
    rows = grad.shape[0]
    b, x, y = (t.to(grad.dtype).reshape(rows, -1, t.shape[-1]) for t in (grad, *call.inputs))

    def make(start: int, stop: int) -> Tensor:
        parts = (t[start:stop] for t in (b, x, y))
        return torch.einsum("nto,nti,ntj->noij", *parts)

    return {"weight": Chunked(make, rows), "bias": Chunked.of(b.sum(1))}
