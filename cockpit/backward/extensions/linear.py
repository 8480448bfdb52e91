"""Fully connected layers."""

from __future__ import annotations

from torch import nn

from cockpit.backward.capture import LayerCall
from cockpit.backward.extensions.base import Chunked, Contribution, Outer, rule, widened

__all__ = ["linear"]


@rule(nn.Linear, nn.modules.linear.NonDynamicallyQuantizableLinear)
def linear(call: LayerCall) -> dict[str, Contribution]:
    """Weight: Σₜ bₜaₜᵀ over the positions t between the first and the last axis. Bias: Σₜ bₜ."""
    b = widened(call.grads[0])
    a = call.inputs[0].to(b.dtype)
    b = b.reshape(b.shape[0], -1, b.shape[-1])
    a = a.reshape(b.shape[0], -1, a.shape[-1])
    return {"weight": Outer(a, b), "bias": Chunked.of(b.sum(1))}
