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
    if any(True for _ in module.children()) and not isinstance(module, nn.MultiheadAttention):
        # Running it again would run those layers again, with the user's hooks and randomness.
        raise Unsupported(f"{type(module).__name__} uses it beside layers of its own")
    _refuse_random(module)
    axis = _batch_axis(module)
    rows = next(iter(call.grads.values())).shape[axis]
    names = [name for name, p in unit_parameters(module) if p.requires_grad]
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        before = torch.random.get_rng_state()
        gradients = [_one_sample(call, names, n, rows, axis) for n in range(rows)]
        if not torch.equal(before, torch.random.get_rng_state()):
            raise Unsupported(f"{type(module).__name__} draws random numbers")
    return {name: Chunked.of(torch.stack([widened(g[name]) for g in gradients])) for name in names}


def _refuse_random(module: nn.Module) -> None:
    for part in module.modules():
        p = getattr(part, "dropout", getattr(part, "p", 0.0))
        if part.training and isinstance(p, float) and p > 0:
            raise Unsupported(f"{type(module).__name__} draws random numbers (dropout {p})")


def _batch_axis(module: nn.Module) -> int:
    return 0 if getattr(module, "batch_first", True) else 1


def _axes(call: LayerCall, axis: int) -> tuple[list[int | None], dict[str, int | None]]:
    """The samples' axis in each argument; ``None`` for an argument that all samples share."""
    positional: list[int | None] = [axis] * len(call.inputs)
    named: dict[str, int | None] = dict.fromkeys(call.keywords, axis)
    if isinstance(call.module, nn.MultiheadAttention):
        # query, key, value, key_padding_mask, need_weights, attn_mask, …
        order = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")
        own = {"key_padding_mask": 0, "attn_mask": None}
        positional = [own.get(name, axis) for name in order[: len(call.inputs)]]
        named |= {name: own[name] for name in own if name in named}
        mask = call.keywords.get("attn_mask", call.inputs[5] if len(call.inputs) > 5 else None)
        if isinstance(mask, Tensor) and mask.dim() == 3:
            raise Unsupported("attention masks of single heads are not split by sample")
    elif isinstance(call.module, nn.RNNBase):
        positional[1:] = [1] * (len(positional) - 1)
        named |= {name: 1 for name in named if name == "hx"}
    return positional, named


def _one_sample(
    call: LayerCall, names: list[str], n: int, rows: int, axis: int
) -> dict[str, Tensor]:
    def pick(x: Any, along: int | None = axis) -> Any:
        if along is None:
            return x
        if isinstance(x, Tensor) and x.dim() > along and x.shape[along] == rows:
            return x.narrow(along, n, 1)
        return x

    module = call.module
    positional, named = _axes(call, axis)
    parameters = {k: p.detach().requires_grad_(k in names) for k, p in module.named_parameters()}
    buffers = {k: b.clone() for k, b in module.named_buffers()}
    with torch.enable_grad():
        forward = type(module).forward
        output = torch.func.functional_call(
            _Bare(module, forward),
            {f"module.{k}": v for k, v in {**parameters, **buffers}.items()},
            tuple(
                tree_map(lambda x, i=i: pick(x, i), value)
                for value, i in zip(call.inputs, positional, strict=True)
            ),
            {
                key: tree_map(lambda x, i=named[key]: pick(x, i), value)
                for key, value in call.keywords.items()
            },
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
