"""What Cockpit's own backward passes need: leave no trace, and know the graph they run on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cockpit.backward.randomness import random_state_kept
from cockpit.backward.user_passes import own_pass

__all__ = [
    "last_node_of",
    "nodes",
    "own_arithmetic",
    "reaches_parameters_beside",
    "undisturbed",
]


def own_arithmetic() -> AbstractContextManager[object]:
    """No graph, and no autocast: the user's may be around the whole loop."""
    around = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
    return _without_autocast(around) if around else torch.no_grad()


@contextmanager
def _without_autocast(devices: Iterable[str]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for device in devices:
            stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Make passes inside Cockpit's own; put back the buffers and random state.

    They are reported to nobody, and hooks on parameters stay out of them (these may change
    gradients, and count passes). Activation checkpointing runs layers again, batch norm's running
    averages included. Hooks on activations and modules are in the graph already and run in these
    passes too, with what they draw.
    """
    hooked = {p: p._backward_hooks for p in model.parameters() if p._backward_hooks}
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    for p in hooked:
        p._backward_hooks = OrderedDict()
    try:
        with random_state_kept(), own_pass():
            yield
    finally:
        for p, hooks in hooked.items():
            p._backward_hooks = hooks
        for buffer, before in buffers:
            if not torch.equal(buffer, before):
                buffer.data.copy_(before)  # the user's graph must not see a new version


def reaches_parameters_beside(
    loss: Tensor, outputs: Iterable[Tensor], parameters: Iterable[Tensor]
) -> bool:
    """Whether the loss's graph leads to a parameter by a path that avoids ``outputs``."""
    known = {id(p) for p in parameters}
    barriers = {(output.grad_fn, output.output_nr) for output in outputs}
    return any(id(getattr(node, "variable", None)) in known for node in nodes(loss, barriers))


def last_node_of(loss: Tensor, numbers: Container[int]) -> int | None:
    """The largest of these sequence numbers that a node of the loss's graph has."""
    found = (node._sequence_nr() for node in nodes(loss, set()))
    return max((number for number in found if number in numbers), default=None)


def nodes(loss: Tensor, barriers: set[tuple[Any, int]]) -> Iterator[Any]:
    """The nodes of a graph, as far as one comes without passing some edges.

    Args:
        loss: Where it begins.
        barriers: The edges; those that are met are taken out of the set.
    """
    closed = frozenset(barriers)
    seen, waiting = set(), [(loss.grad_fn, loss.output_nr)]
    while waiting:
        edge = waiting.pop()
        node = edge[0]
        if node is None or edge in seen:
            continue
        seen.add(edge)
        if edge in closed:
            barriers.discard(edge)
            continue
        yield node
        waiting.extend(node.next_functions)
