"""Units that no sample teaches anything, and activations at the flat ends of their range.

Both from what a tracked step holds anyway: the gradients at the outputs of layers, and what
sigmoid and tanh keep in the graph for their own derivative.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cockpit.backward.compiled import plain_name
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, Settled, plain
from cockpit.backward.facts.moments import pieces
from cockpit.backward.layer_call import LayerCall, unit_parameters
from cockpit.backward.nodes.steps import VIEWS
from cockpit.backward.nodes.use import kind_of
from cockpit.backward.passes import nodes

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Units", "dead_shares", "live_units", "saturated_share", "saturations", "surely_live"]

FEW = 64  # columns of a weight
SMALL = 2**16  # elements that are gone through at once
FLAT = 0.05  # of the largest derivative
MOST_ACTIVATIONS = 64  # that are looked at: a recurrent network has some for each time step
FARTHEST = 8  # operations between a layer and the activation of its output

LAYERS = (nn.Linear, _ConvNd)
# Middle of the range, and how far from it the derivative is 5 % of the largest: σ(1 − σ) = ¼ − d²,
# 1 − t² = 1 − d².
ACTIVATIONS = {"Sigmoid": (0.5, (0.25 * (1 - FLAT)) ** 0.5), "Tanh": (0.0, (1 - FLAT) ** 0.5)}
# Between a layer and its activation; that of a sum belongs to the layers of all terms.
PASSED = (VIEWS - {"Expand", "Repeat", "Cat", "Stack", "Sum", "Mean"}) | {"Add", "Sub"}


def unit_axis(module: nn.Module, dimensions: int) -> int:
    """Along which axis of its output a layer has its units: features, or channels."""
    return dimensions - 1 - (len(module.kernel_size) if isinstance(module, _ConvNd) else 0)


def live_units(module: nn.Module, grad: Tensor) -> Tensor:
    """Which units of a layer any sample (at any position) teaches something.

    Args:
        module: Linear layer, or convolution.
        grad: At its output.

    Returns:
        Whether the gradient is anything but exactly zero, shape [units].
    """
    axis = unit_axis(module, grad.dim())
    others = [k for k in range(grad.dim()) if k != axis]
    if not others or not grad.numel():
        return grad.reshape(-1, grad.shape[axis]).any(0)
    # NaN stays NaN in a maximum, and is not zero.
    if not grad.is_cpu or axis == 0:
        return torch.linalg.vector_norm(grad, torch.inf, others) != 0
    largest = [x.abs().amax(others) for x in pieces(grad)]
    return (largest[0] if len(largest) == 1 else torch.stack(largest).amax(0)) != 0


def surely_live(module: nn.Module, given: Mapping[str, Tensor]) -> Tensor | None:
    """Units of which the gradients of the layer's own parameters show that they are live.

    These are sums over all samples and positions, so they are zero by chance at most, and much
    smaller than the gradient at the output.

    Args:
        module: Linear layer, or convolution.
        given: What its parameters have got, by their names in the module.

    Returns:
        Shape [units]; ``None`` if there is no such gradient.
    """
    if "bias" in given:
        return given["bias"] != 0
    if "weight" not in given or getattr(module, "transposed", False):
        return None
    return (given["weight"].flatten(1)[:, :FEW] != 0).any(1)


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
        self._shared: set[int] = set()  # parameters of several modules
        self._live: list[tuple[weakref.ref[BackwardPass], dict[str, Tensor]]] = []

    def before_backward(self, seen: Seen) -> Found:
        """Saturated activations of the first backward pass."""
        modules = dict(seen.model.named_modules())
        self._names = {id(m): plain_name(n) or type(m).__name__ for n, m in modules.items()}
        uses = Counter(id(p) for m in modules.values() for p in m._parameters.values())
        self._shared = {p for p, count in uses.items() if count > 1}
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
        grads: dict[nn.Module, list[Tensor]] = {}
        for call in part.calls:
            if isinstance(call, LayerCall) and isinstance(call.module, LAYERS):
                grad = call.grads.get(0)
                if type(grad) is Tensor and grad.layout == torch.strided and grad.dim():
                    grads.setdefault(call.module, []).append(grad)
        live = {
            self._names[id(module)]: self._live_in(part, module, several)
            for module, several in grads.items()
            if id(module) in self._names
        }
        self._live.append((weakref.ref(part), live))
        return {}

    def _live_in(self, part: BackwardPass, module: nn.Module, grads: Sequence[Tensor]) -> Tensor:
        """Which units are live in any of the calls of a layer, with these output gradients."""
        # To look at some units only, one has to wait for the device, and it costs some calls.
        by_units = grads[0].is_cpu and sum(grad.numel() for grad in grads) > SMALL
        live = surely_live(module, self._own_gradients(part, module)) if by_units else None
        if live is None:
            every = [live_units(module, grad) for grad in grads]
            return every[0] if len(every) == 1 else torch.stack(every).any(0)
        rest = (~live).nonzero().flatten()
        if len(rest):
            for grad in grads:
                some = grad.index_select(unit_axis(module, grad.dim()), rest)
                live[rest] |= live_units(module, some)
        return live

    def _own_gradients(self, part: BackwardPass, module: nn.Module) -> dict[str, Tensor]:
        """What the parameters of a layer have got, unless they are used elsewhere, too."""
        own = dict(unit_parameters(module))
        beside = self._shared | {id(use.parameter) for use in part.uses}
        if beside.intersection(map(id, own.values())):
            return {}
        given, _ = part.given
        names = ((local, part.name_of(p)) for local, p in own.items())
        return {local: given[name] for local, name in names if name is not None and name in given}

    def settled(self, step: Settled) -> Found:
        """Units that none of the parts has taught anything."""
        parts = [live for part, live in self._live if part() in step.passes]
        self._live = []
        return {f"units.{name}.dead": share for name, share in dead_shares(parts).items()}
