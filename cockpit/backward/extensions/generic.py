"""Any other layer: run that one layer again, sample by sample.

Slow but general. The layer is called functionally on detached inputs, so neither its buffers nor
its parameters' ``.grad`` change; a layer that draws random numbers is refused, because running it
again would draw other ones. All samples are run at once where torch can (``vmap``), else in a loop.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from cockpit.backward.extensions.base import (
    Chunked,
    Contribution,
    Coverage,
    Unsupported,
    coverage,
    rule_for_whole_layers,
    widened,
)
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.layout import Layout
from cockpit.backward.randomness import random_state_kept

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
    with random_state_kept() as before:
        try:
            with torch.enable_grad():
                gradients = vectorized(call, names, layout.axis)
        except (RuntimeError, ValueError, NotImplementedError, TypeError, AttributeError):
            gradients = one_by_one(call, names, layout.axis)
        if not before.is_the_present():
            raise Unsupported(f"{type(module).__name__} draws random numbers")
    rows = Layout(0, layout.minor)
    return {name: Chunked.of(rows.rows(widened(g), batch_size)) for name, g in gradients.items()}


def vectorized(call: LayerCall, names: list[str], axis: int) -> Gradients:
    """Gradients of all samples at once, [rows, *parameter] by name.

    Raises:
        RuntimeError: If the layer does something that can't be vectorized.
    """
    alone = _Alone(call, names, axis)

    def gradient(*sample: Any) -> Gradients:
        batch = [
            x if k is None else x.unsqueeze(k) for x, k in zip(sample, alone.axes, strict=True)
        ]
        made, pull_back = torch.func.vjp(lambda p: alone.outputs(p, batch), alone.parameters)[:2]
        return pull_back(alone.grads(batch, made))[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the speed of operations that are run one by one
        return torch.func.vmap(gradient, tuple(alone.axes), randomness="error")(*alone.tensors)


def one_by_one(call: LayerCall, names: list[str], axis: int) -> Gradients:
    """The same by a loop."""
    alone = _Alone(call, names, axis)
    parameters = {name: p.requires_grad_() for name, p in alone.parameters.items()}
    rows: list[tuple[Tensor, ...]] = []
    for n in range(next(iter(call.grads.values())).shape[axis]):
        pairs = zip(alone.tensors, alone.axes, strict=True)
        batch = [x if k is None else x.narrow(k, n, 1) for x, k in pairs]
        with torch.enable_grad():
            made = alone.outputs(parameters, batch)
        inputs = list(parameters.values())
        grads = alone.grads(batch, made)
        rows.append(torch.autograd.grad(made, inputs, grads, materialize_grads=True))
    return {k: torch.stack(g) for k, g in zip(parameters, zip(*rows, strict=True), strict=True)}


class _Alone:
    """A layer as a function of its parameters and of a batch of one.

    Args:
        call: The call that is run again.
        names: The parameters that vary.
        axis: The samples' axis in its outputs.

    Attributes:
        parameters: What varies.
        tensors: Arguments of the whole call, then its output gradients.
        axes: The samples' axis in each; ``None`` for what all samples share.
    """

    def __init__(self, call: LayerCall, names: list[str], axis: int) -> None:
        self._call, self._module = call, call.module
        leaves, self._structure = tree_flatten((call.inputs, call.keywords))
        rows = next(iter(call.grads.values())).shape[axis]
        self._count = len(leaves)
        state = {name: p.detach() for name, p in self._module.named_parameters()}
        self.parameters = {name: state.pop(name) for name in names}
        self._fixed = state
        self.tensors = [*leaves, *call.grads.values()]
        self.axes = [
            k if isinstance(x, Tensor) and k >= 0 and x.dim() > k and x.shape[k] == rows else None
            for x, k in zip(leaves, tree_leaves(_axes(call, axis)), strict=True)
        ] + [axis] * len(call.grads)

    def outputs(self, parameters: Gradients, batch: list[Any]) -> tuple[Tensor, ...]:
        """The outputs that have a gradient, with copies of the buffers."""
        args, kwargs = tree_unflatten(batch[: self._count], self._structure)
        buffers = {name: b.clone() for name, b in self._module.named_buffers()}
        state = {f"module.{k}": v for k, v in {**parameters, **self._fixed, **buffers}.items()}
        bare = _Bare(self._module, type(self._module).forward)
        made = tree_leaves(torch.func.functional_call(bare, state, args, kwargs))
        return tuple(made[place] for place in self._call.grads)

    def grads(self, batch: list[Any], made: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The gradients of these outputs.

        Raises:
            Unsupported: If they have another shape.
        """
        given = batch[self._count :]
        if any(out.shape != grad.shape for out, grad in zip(made, given, strict=True)):
            raise Unsupported(
                f"{type(self._module).__name__} has no axis of samples that was found"
            )
        return tuple(grad.to(out.dtype) for out, grad in zip(made, given, strict=True))


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
