"""What Cockpit's own backward passes need: leave no trace, and know the graph they run on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch
from torch import Tensor, nn

from cockpit.backward.randomness import random_state_kept

__all__ = ["inside_backward", "own_arithmetic", "reaches_parameters_beside", "undisturbed"]


def inside_backward() -> bool:
    """Whether a backward pass runs at present, and this is called from one of its hooks."""
    return torch._C._current_graph_task_id() != -1


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
    """Keep hooks on parameters out of passes inside; put back the buffers and random state.

    Hooks on parameters may change gradients (and would count these passes); activation
    checkpointing runs layers again, batch norm's running averages included. Hooks on activations
    and modules are in the graph already and run in these passes too, with what they draw.
    """
    hooked = {p: p._backward_hooks for p in model.parameters() if p._backward_hooks}
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    for p in hooked:
        p._backward_hooks = OrderedDict()
    try:
        with random_state_kept():
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
    seen, waiting = set(), [(loss.grad_fn, 0)]
    while waiting:
        edge = waiting.pop()
        node = edge[0]
        if node is None or edge in barriers or edge in seen:
            continue
        seen.add(edge)
        if id(getattr(node, "variable", None)) in known:
            return True
        waiting.extend(node.next_functions)
    return False
