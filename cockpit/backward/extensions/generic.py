"""Any other layer: run that one layer again, one sample at a time.

Slow but general. The layer is called functionally on detached inputs, so neither its buffers nor
its parameters' ``.grad`` change; a layer that draws random numbers is refused, because running it
again would draw other ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from cockpit.backward.capture import LayerCall, unit_parameters
from cockpit.backward.extensions.base import Chunked, Contribution, Unsupported, rule, widened

__all__ = ["generic"]


@rule(nn.Module)
def generic(call: LayerCall) -> dict[str, Contribution]:
    """Individual gradients by a vector-Jacobian product of the layer for each sample."""
    module = call.module
    _refuse_random(module)
    axis = _batch_axis(module)
    rows = next(iter(call.grads.values())).shape[axis]
    names = [name for name, p in unit_parameters(module) if p.requires_grad]
    gradients: list[dict[str, Tensor]] = [
        _one_sample(call, names, n, rows, axis) for n in range(rows)
    ]
    return {name: Chunked.of(torch.stack([widened(g[name]) for g in gradients])) for name in names}


def _refuse_random(module: nn.Module) -> None:
    for part in module.modules():
        p = getattr(part, "dropout", getattr(part, "p", 0.0))
        if part.training and isinstance(p, float) and p > 0:
            raise Unsupported(f"{type(module).__name__} draws random numbers (dropout {p})")


def _batch_axis(module: nn.Module) -> int:
    return 0 if getattr(module, "batch_first", True) else 1


def _one_sample(
    call: LayerCall, names: list[str], n: int, rows: int, axis: int
) -> dict[str, Tensor]:
    def pick(x: Any) -> Any:
        if isinstance(x, Tensor) and x.dim() > axis and x.shape[axis] == rows:
            return x.narrow(axis, n, 1)
        return x

    module = call.module
    parameters = {k: p.detach().requires_grad_(k in names) for k, p in module.named_parameters()}
    buffers = {k: b.clone() for k, b in module.named_buffers()}
    with torch.enable_grad():
        forward = type(module).forward
        output = torch.func.functional_call(
            _Bare(module, forward),
            {f"module.{k}": v for k, v in {**parameters, **buffers}.items()},
            tree_map(pick, call.inputs),
            tree_map(pick, call.keywords),
        )
        outputs = tree_leaves(output)
        pairs = [
            (outputs[place], pick(grad).to(outputs[place].dtype))
            for place, grad in call.grads.items()
        ]
        if any(out.shape != grad.shape for out, grad in pairs):
            raise Unsupported(f"{type(module).__name__} has no axis of samples that was found")
        grads = torch.autograd.grad(
            [out for out, _ in pairs],
            [parameters[k] for k in names],
            [grad for _, grad in pairs],
            allow_unused=True,
        )
    return {
        k: torch.zeros_like(parameters[k]) if g is None else g
        for k, g in zip(names, grads, strict=True)
    }


class _Bare(nn.Module):
    """Calls a layer's ``forward`` without its hooks, ours and the user's."""

    def __init__(self, module: nn.Module, forward: Any) -> None:
        super().__init__()
        self.module = module
        self._forward = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._forward(self.module, *args, **kwargs)
