"""Any other layer: run that one layer again, sample by sample.

Slow but general. The layer is called functionally on detached inputs, so neither its buffers nor
its parameters' ``.grad`` change; a layer that draws random numbers is refused, because running it
again would draw other ones. All samples are run at once where torch can (``vmap``), else in a loop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from cockpit.backward.capture import LayerCall
from cockpit.backward.extensions.base import (
    Chunked,
    Contribution,
    Coverage,
    Unsupported,
    coverage,
    rule_for_whole_layers,
    widened,
)
from cockpit.backward.layout import Layout

__all__ = ["generic", "one_by_one", "vectorized"]

Gradients = dict[str, Tensor]


@rule_for_whole_layers(nn.Module)
def generic(call: LayerCall, layout: Layout, batch_size: int) -> dict[str, Contribution]:
    """Individual gradients by a vector-Jacobian product of the layer for each sample."""
    module = call.module
    if coverage(module) is Coverage.NOTHING:
        # Running it again would run those layers again, with the user's hooks and randomness.
        raise Unsupported(f"{type(module).__name__} uses it beside layers of its own")
    _refuse_random(module)
    names = [name for name, _ in call.parameters()]
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        before = torch.random.get_rng_state()
        try:
            gradients = vectorized(call, names, layout.axis)
        except (RuntimeError, ValueError, NotImplementedError, TypeError, AttributeError):
            gradients = one_by_one(call, names, layout.axis)
        if not torch.equal(before, torch.random.get_rng_state()):
            raise Unsupported(f"{type(module).__name__} draws random numbers")
    rows = Layout(0, layout.minor)
    return {name: Chunked.of(rows.rows(widened(g), batch_size)) for name, g in gradients.items()}


def vectorized(call: LayerCall, names: list[str], axis: int) -> Gradients:
    """Gradients of all samples at once, [rows, *parameter] by name.

    Raises:
        RuntimeError: If the layer does something that can't be vectorized.
    """
    run, arguments, axes = _functional(call, names, axis)

    def gradient(*sample: Any) -> Gradients:
        whole = [x if k is None else x.unsqueeze(k) for x, k in zip(sample, axes, strict=True)]
        return run(whole)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the speed of operations that are run one by one
        return torch.func.vmap(gradient, tuple(axes), randomness="error")(*arguments)


def one_by_one(call: LayerCall, names: list[str], axis: int) -> Gradients:
    """The same by a loop."""
    run, arguments, axes = _functional(call, names, axis)
    rows = next(iter(call.grads.values())).shape[axis]
    gradients = [
        run([x if k is None else x.narrow(k, n, 1) for x, k in zip(arguments, axes, strict=True)])
        for n in range(rows)
    ]
    return {name: torch.stack([g[name] for g in gradients]) for name in names}


def _functional(
    call: LayerCall, names: list[str], axis: int
) -> tuple[Callable[[list[Any]], Gradients], list[Any], list[int | None]]:
    """A function from the arguments of a batch of one to its gradients.

    Returns:
        The function; the tensors of the whole call (arguments, then output gradients); the samples'
        axis in each, ``None`` for one that all samples share.
    """
    module = call.module
    rows = next(iter(call.grads.values())).shape[axis]
    leaves, structure = tree_flatten((call.inputs, call.keywords))
    along = tree_leaves(_axes(call, axis), is_leaf=lambda x: x is None)
    split = [
        k if isinstance(x, Tensor) and k >= 0 and x.dim() > k and x.shape[k] == rows else None
        for x, k in zip(leaves, along, strict=True)
    ]
    variable = {k: p.detach() for k, p in module.named_parameters() if k in names}
    fixed = {k: p.detach() for k, p in module.named_parameters() if k not in names}

    def run(arguments: list[Any]) -> Gradients:
        args, kwargs = tree_unflatten(arguments[: len(leaves)], structure)
        given = arguments[len(leaves) :]

        def outputs(parameters: Gradients) -> list[Tensor]:
            state = {**parameters, **fixed, **{k: b.clone() for k, b in module.named_buffers()}}
            bare = _Bare(module, type(module).forward)
            named = {f"module.{k}": v for k, v in state.items()}
            made = tree_leaves(torch.func.functional_call(bare, named, args, kwargs))
            return [made[place] for place in call.grads]

        with torch.enable_grad():
            made, pull_back = torch.func.vjp(outputs, variable)[:2]
        if any(out.shape != grad.shape for out, grad in zip(made, given, strict=True)):
            raise Unsupported(f"{type(module).__name__} has no axis of samples that was found")
        return pull_back([g.to(out.dtype) for out, g in zip(made, given, strict=True)])[0]

    return run, [*leaves, *call.grads.values()], [*split, *[axis] * len(call.grads)]


def _refuse_random(module: nn.Module) -> None:
    for part in module.modules():
        p = getattr(part, "dropout", getattr(part, "p", 0.0))
        if part.training and isinstance(p, float) and p > 0:
            raise Unsupported(f"{type(module).__name__} draws random numbers (dropout {p})")


def _axes(call: LayerCall, axis: int) -> Any:
    """The axis that runs over the samples in each tensor argument that is long enough along it.

    -1 for an argument that all samples share.
    """
    positional, named = [axis] * len(call.inputs), dict.fromkeys(call.keywords, axis)
    if isinstance(call.module, nn.MultiheadAttention):
        # query, key, value, key_padding_mask, need_weights, attn_mask, …
        order = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")
        own = {"key_padding_mask": 0, "attn_mask": -1}
        positional = [own.get(name, axis) for name in order[: len(call.inputs)]]
        named |= {name: own[name] for name in own if name in named}
        mask = call.keywords.get("attn_mask", call.inputs[5] if len(call.inputs) > 5 else None)
        if isinstance(mask, Tensor) and mask.dim() == 3:
            raise Unsupported("attention masks of single heads are not split by sample")
    return (
        [tree_map(lambda _, k=k: k, x) for x, k in zip(call.inputs, positional, strict=True)],
        {key: tree_map(lambda _, k=named[key]: k, x) for key, x in call.keywords.items()},
    )


class _Bare(nn.Module):
    """Calls a layer's ``forward`` without its hooks, ours and the user's."""

    def __init__(self, module: nn.Module, forward: Any) -> None:
        super().__init__()
        self.module = module
        self._forward = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._forward(self.module, *args, **kwargs)
