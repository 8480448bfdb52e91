"""A model whose layers have parameters of their own for every sample.

Where batch statistics couple the samples, the individual gradient of sample n is by definition N
times the gradient of the batch loss with respect to the parameters that sample n went through.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["expand"]


def expand(model: nn.Module, count: int) -> tuple[nn.Module, dict[str, list[Tensor]]]:
    """A copy of the model, and for each parameter's name its copies, one for each sample."""
    expanded = copy.deepcopy(model)
    own: dict[str, list[Tensor]] = {}
    for prefix, module in expanded.named_modules():
        names = [name for name, _ in module.named_parameters(recurse=False)]
        if not names:
            continue
        copies = {
            name: [getattr(module, name).detach().clone().requires_grad_() for _ in range(count)]
            for name in names
        }
        own |= {f"{prefix}.{name}".lstrip("."): leaves for name, leaves in copies.items()}
        make = _normalize if isinstance(module, nn.modules.batchnorm._BatchNorm) else _one_by_one
        module.forward = make(copy.deepcopy(module), copies)
    return expanded, own


def _one_by_one(layer: nn.Module, copies: dict[str, list[Tensor]]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        outputs = [
            functional_call(layer, {k: v[n] for k, v in copies.items()}, (x[n : n + 1],))
            for n in range(len(x))
        ]
        return torch.cat(outputs)

    return forward


def _normalize(layer: nn.Module, copies: dict[str, list[Tensor]]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        normalized = F.batch_norm(x, None, None, training=True, eps=layer.eps)
        shape = (len(x), -1, *[1] * (x.dim() - 2))
        weight, bias = (torch.stack(copies[name]).view(shape) for name in ("weight", "bias"))
        return normalized * weight + bias

    return forward
