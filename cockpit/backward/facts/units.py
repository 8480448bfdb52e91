"""Units that no sample teaches anything, and activations at the flat ends of their range.

Both from what a tracked step holds anyway: the gradients at the outputs of layers, and what
sigmoid and tanh keep in the graph for their own derivative.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cockpit.backward.compiled import plain_name
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, Settled, plain
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes.steps import VIEWS
from cockpit.backward.nodes.use import kind_of
from cockpit.backward.passes import nodes

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Units", "dead_shares", "live_units", "saturated_share", "saturations"]

FLAT = 0.05  # of the largest derivative
MOST_ACTIVATIONS = 64  # that are looked at: a recurrent network has some for each time step
FARTHEST = 8  # operations between a layer and the activation of its output

# Middle of the range, and how far from it the derivative is 5 % of the largest: σ(1 − σ) = ¼ − d²,
# 1 − t² = 1 − d².
ACTIVATIONS = {"Sigmoid": (0.5, (0.25 * (1 - FLAT)) ** 0.5), "Tanh": (0.0, (1 - FLAT) ** 0.5)}
# Between a layer and its activation; that of a sum belongs to the layers of all terms.
PASSED = (VIEWS - {"Expand", "Repeat", "Cat", "Stack", "Sum", "Mean"}) | {"Add", "Sub"}


def live_units(module: nn.Module, grad: Tensor) -> Tensor:
    """Which units of a layer any sample (at any position) teaches something.

    Args:
        module: Linear layer, or convolution.
        grad: At its output; features are along the last axis, channels before the positions.

    Returns:
        Whether the gradient is anything but exactly zero, shape [units].
    """
    positions = len(module.kernel_size) if isinstance(module, _ConvNd) else 0
    axis = grad.dim() - 1 - positions
    others = [k for k in range(grad.dim()) if k != axis]
    if not others or not grad.numel():
        return grad.reshape(-1, grad.shape[axis]).any(0)
    return grad.abs().amax(others) != 0  # NaN stays NaN in a maximum, and is not zero


def dead_shares(live: Iterable[Mapping[str, Tensor]]) -> dict[str, Then]:
    """Share of units that are live in no part of a step, by layer.

    Args:
        live: Of each part, which units of a layer are live.
    """
    anywhere: dict[str, Tensor] = {}
    for part in live:
        for name, units in part.items():
            anywhere[name] = anywhere[name] | units if name in anywhere else units
    return {name: _share_without(units) for name, units in anywhere.items()}


def _share_without(live: Tensor) -> Then:
    size = live.numel()
    return Then([live.sum()], lambda count: (size - count) / size if size else None)


def saturated_share(kind: str, result: Tensor) -> Tensor:
    """Share of elements with a derivative below 5 % of the largest one; on the device.

    Args:
        kind: ``Sigmoid`` or ``Tanh``.
        result: What it returned.
    """
    middle, distance = ACTIVATIONS[kind]
    away = result - middle if middle else result
    return (away.abs() > distance).float().mean()


def saturations(loss: Tensor, layers: Mapping[Any, str]) -> dict[str, Tensor]:
    """Share of flat elements of the sigmoids and tanhs in a graph, by the layer that they follow.

    To be called before the backward pass frees what they have kept. Gates of recurrent layers are
    of no layer's output, and are passed over.

    Args:
        loss: The root of the graph.
        layers: Names of layers, by the nodes of their outputs.

    Returns:
        The share by name, the mean over its activations; on the device.
    """
    found: dict[str, list[Tensor]] = {}
    looked = 0
    for node in nodes(loss, set()):
        kind = kind_of(node)
        if kind not in ACTIVATIONS or looked >= MOST_ACTIVATIONS:
            continue
        names = dict.fromkeys(_layers_before(node, layers))
        result = _kept(node) if names else None
        if result is not None:
            looked += 1
            share = saturated_share(kind, result)
            for name in names:
                found.setdefault(name, []).append(share)
    return {name: torch.stack(shares).mean() for name, shares in found.items()}


def _kept(node: Any) -> Tensor | None:
    """What an activation has returned; ``None`` if that was overwritten, or freed already."""
    try:
        result = plain(node._saved_result)
    except (RuntimeError, AttributeError):
        return None
    return result if result is not None and result.numel() else None


def _layers_before(node: Any, layers: Mapping[Any, str]) -> Iterator[str]:
    """Names of the layers whose output, or a sum with it, an activation takes."""
    waiting = [(source, 1) for source, _ in node.next_functions]
    while waiting:
        source, steps = waiting.pop()
        if source in layers:
            yield layers[source]
        elif source is not None and kind_of(source) in PASSED and steps < FARTHEST:
            waiting += [(further, steps + 1) for further, _ in source.next_functions]


class Units(Group):
    """Facts of the layers' units, by the name of the layer."""

    name: ClassVar[str] = "units"

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._live: list[tuple[weakref.ref[BackwardPass], dict[str, Tensor]]] = []

    def before_backward(self, seen: Seen) -> Found:
        """Saturated activations of the first backward pass."""
        modules = seen.model.named_modules()
        self._names = {id(m): plain_name(name) or type(m).__name__ for name, m in modules}
        self._live = []
        if seen.root is None:
            return {}
        layers = {
            edge.node: self._names[id(call.module)]
            for call, _, edge in seen.edges
            if isinstance(call, LayerCall) and not call.is_packed and id(call.module) in self._names
        }
        found = saturations(seen.root, layers)
        return {f"units.{name}.saturated": share for name, share in found.items()}

    def after_backward(self, part: BackwardPass) -> Found:
        """Which units have got a gradient in this part."""
        live: dict[str, Tensor] = {}
        for call in part.calls:
            if not isinstance(call, LayerCall) or not isinstance(call.module, nn.Linear | _ConvNd):
                continue
            name, grad = self._names.get(id(call.module)), plain(call.grads.get(0))
            if name is not None and grad is not None and grad.dim():
                units = live_units(call.module, grad)
                live[name] = live[name] | units if name in live else units
        self._live.append((weakref.ref(part), live))
        return {}

    def settled(self, step: Settled) -> Found:
        """Units that none of the parts has taught anything."""
        parts = [live for part, live in self._live if part() in step.passes]
        self._live = []
        return {f"units.{name}.dead": share for name, share in dead_shares(parts).items()}
