"""Individual gradients as a training loop's hooks give them, and as a loop over samples does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture
from cockpit.backward.first_order import contributions_by_name
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes import NodeUse, uses_beside
from cockpit.backward.sample_axis import Layouts, SampleAxis


def losses_of(output: Tensor) -> Tensor:
    """A smooth loss for each row of the output, shape [N]."""
    weights = torch.arange(1, output[0].numel() + 1, device=output.device).view(output[0].shape)
    return (output.sin() * weights).flatten(1).sum(1)


def seen(
    model: nn.Module, forward: Callable[[], Tensor], testable: bool = True
) -> tuple[list[LayerCall | NodeUse], Layouts, Tensor]:
    """The uses of parameters after a backward pass, the tested layouts, the individual losses.

    The graph is kept.
    """
    capture, calls = Capture(model), []
    capture.attach()
    losses = losses_of(forward())
    size = len(losses)
    uses = uses_beside(losses.sum(), model.parameters(), capture.living(), size)
    capture.watch(uses)
    if not testable:
        capture.output = None
    generator = torch.Generator().manual_seed(0)
    found = SampleAxis().find(capture, lambda: losses if testable else None, size, generator)
    with capture.into(calls):
        losses.sum().backward(retain_graph=True)
    assert capture.fault is None
    capture.detach()
    return calls, found.known, losses


def by_hooks(
    model: nn.Module, forward: Callable[[], Tensor], testable: bool = True
) -> tuple[dict[str, Tensor], dict[str, str], Tensor]:
    """Individual gradients [N, *parameter] by name, the reasons of those that are absent, losses.

    They are asked for when the parameters have moved already, as in a training loop.
    """
    calls, tested, losses = seen(model, forward, testable)
    names = {id(p): name for name, p in model.named_parameters()}
    size = len(losses)
    found, missing = contributions_by_name(calls, lambda p: names.get(id(p)), size, tested)
    with moved(model):
        shapes = {name: p.shape for name, p in model.named_parameters()}
        made = {k: part.make(0, size).reshape(size, *shapes[k]) for k, part in found.items()}
    return made, missing, losses


@contextmanager
def moved(model: nn.Module) -> Iterator[None]:
    """The parameters elsewhere, as an optimizer moves them, and back again."""
    before = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.data.add_(1.0)
    try:
        yield
    finally:
        for p, old in zip(model.parameters(), before, strict=True):
            p.data.copy_(old)


def by_loop(model: nn.Module, losses: Tensor) -> dict[str, Tensor]:
    """The gradient of each sample's loss in the same forward pass (same dropout, same mask)."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rows = [
        torch.autograd.grad(loss, list(named.values()), retain_graph=True, materialize_grads=True)
        for loss in losses
    ]
    return {k: torch.stack(g) for k, g in zip(named, zip(*rows, strict=True), strict=True)}


def assert_exact(
    model: nn.Module, forward: Callable[[], Tensor], rtol: float = 1e-9, testable: bool = True
) -> None:
    """Hooks and loop agree for every parameter, and none is absent."""
    made, missing, losses = by_hooks(model, forward, testable)
    assert missing == {}
    expected = by_loop(model, losses)
    assert set(made) == {name for name, g in expected.items() if g.any()} | set(made)
    for name, value in expected.items():
        if name in made:
            scale = float(value.abs().max())
            got = made[name].to(value.dtype)
            torch.testing.assert_close(got, value, rtol=rtol, atol=rtol * scale, msg=name)
