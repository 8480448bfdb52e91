"""Normalization layers.

Their affine parameters see the normalized input x̂: the weight's individual gradient is Σ b·x̂, the
bias's Σ b. With batch statistics (batch norm in training) the samples are coupled; there the
result is, by definition, what sample n contributes to the batch gradient.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from cockpit.backward.extensions.base import (
    Chunked,
    Contribution,
    Unsupported,
    rule,
    sum_positions,
    widened,
)
from cockpit.backward.layer_call import LayerCall

__all__ = ["CHANNEL_NORMS", "channel_norm", "trailing_norm", "uses_batch_statistics"]

CHANNEL_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.GroupNorm,
)


@rule(nn.LayerNorm, nn.RMSNorm)
def trailing_norm(call: LayerCall) -> dict[str, Contribution]:
    """Affine parameters in the shape of the trailing axes."""
    module = call.module
    b = widened(call.grads[0])
    a = call.inputs[0].to(b.dtype)
    shape = module.weight.shape
    if isinstance(module, nn.LayerNorm):
        normalized = F.layer_norm(a, shape, eps=module.eps)
    else:
        normalized = F.rms_norm(a, shape, eps=module.eps)
    return {
        "weight": Chunked.of(sum_positions(b * normalized, shape)),
        "bias": Chunked.of(sum_positions(b, shape)),
    }


@rule(*CHANNEL_NORMS)
def channel_norm(call: LayerCall) -> dict[str, Contribution]:
    """Affine parameters in the shape of the second axis."""
    b = widened(call.grads[0])
    if b.dim() < 2:
        raise Unsupported("its output has no channel axis")
    normalized = _normalized(call.module, call.inputs[0].to(b.dtype))
    return {
        "weight": Chunked.of((b * normalized).flatten(2).sum(2) if b.dim() > 2 else b * normalized),
        "bias": Chunked.of(b.flatten(2).sum(2) if b.dim() > 2 else b),
    }


@rule(nn.SyncBatchNorm)
def synchronized_norm(call: LayerCall) -> dict[str, Contribution]:
    """As another batch norm, unless its statistics are those of several processes.

    Running the layer again would make it wait for the others, so no general rule may serve it.
    """
    if uses_batch_statistics(call.module):
        raise Unsupported("SyncBatchNorm takes its statistics from several processes")
    return channel_norm(call)


def uses_batch_statistics(module: nn.Module) -> bool:
    """Whether the samples of a batch are coupled by this layer in its present mode."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and (
        module.training or module.running_mean is None
    )


def _normalized(module: Any, a: Tensor) -> Tensor:
    """x̂, from copies of the running statistics where those are used."""
    if isinstance(module, nn.GroupNorm):
        return F.group_norm(a, module.num_groups, eps=module.eps)
    if isinstance(module, nn.modules.instancenorm._InstanceNorm):
        if not module.training and module.running_mean is not None:
            return F.batch_norm(a, module.running_mean, module.running_var, eps=module.eps)
        return F.instance_norm(a, eps=module.eps)
    if uses_batch_statistics(module):
        return F.batch_norm(a, None, None, training=True, eps=module.eps)
    return F.batch_norm(a, module.running_mean, module.running_var, eps=module.eps)
