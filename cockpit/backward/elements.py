"""Which elements of an unreduced loss belong to which sample.

Pixels and tokens are elements of their own, and the loop may have folded, selected or reordered
them between the model's output and the loss. Where a shape does not settle it, a weight on each
supposed sample's elements has to arrive at that sample of the output, and at no other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from cockpit.backward.layout import Layout, layouts_along

__all__ = ["Elements"]

# Of the largest gradient; what comes in half precision is rounded more coarsely.
EXACT, ROUGH = 1e-3, 5e-2


class Elements:
    """Tells where the samples are among the elements of a loss, and remembers it.

    What all of the output's elements go into is a matter of the loop's code; where some were
    selected (a mask), it is looked at each time.

    Args:
        own_passes: The context of Cockpit's own backward passes.
    """

    def __init__(self, own_passes: Callable[[], AbstractContextManager[None]]) -> None:
        self._own_passes = own_passes
        self._found: dict[tuple, Layout | None] = {}

    def layout(
        self,
        elements: Tensor,
        given: Tensor | None,
        output: Tensor | None,
        batch_size: int,
        generator: torch.Generator,
    ) -> Layout | None:
        """Where the samples are; ``None`` if it can't be told.

        Args:
            elements: The unreduced loss, with its graph down to ``output``.
            given: What the loss function was given.
            output: What the model returned.
            batch_size: N.
            generator: Draws the weights of the samples.
        """
        if elements.dim() == 0:
            return None
        first = Layout() if len(elements) == batch_size else None
        place = None if output is None else _samples_in(output, batch_size)
        if place is None or output is None:
            return first
        whole = _are_all(elements, given, output)
        if whole and given is output and place == first:
            return first
        key = (place, elements.dim(), output.dim(), output.numel() // elements.numel(), first)
        if whole and key in self._found:
            return self._found[key]
        with self._own_passes():
            plain = _at_output(elements, output, torch.ones_like(elements))
            if plain is None or not plain.any():
                return first  # the loss does not come from this output: its shape is all there is
            found = _tested(elements, output, plain, place, batch_size, generator)
        if whole:
            self._found[key] = found
        return found


def _are_all(elements: Tensor, given: Tensor | None, output: Tensor) -> bool:
    """Whether each of the output's elements, or of its rows, went into the loss."""
    rows = (output.numel() // length for length in (1, *output.shape[1:2], output.shape[-1]))
    whole = given is not None and given.numel() == output.numel()
    return whole and elements.numel() in rows


def _samples_in(output: Tensor, batch_size: int) -> Layout | None:
    axes = [axis for axis, size in enumerate(output.shape[:2]) if size == batch_size]
    return Layout(axes[0]) if axes and output.requires_grad else None


def _tested(
    elements: Tensor,
    output: Tensor,
    plain: Tensor,
    place: Layout,
    batch_size: int,
    generator: torch.Generator,
) -> Layout | None:
    draws = torch.rand(batch_size, generator=generator, device=elements.device)
    weights = 0.5 + draws.to(torch.promote_types(elements.dtype, torch.float32))
    tolerance = ROUGH if plain.element_size() <= 2 else EXACT
    axes = range(min(2, elements.dim()))
    for layout in layouts_along(elements.shape, axes, batch_size):
        ones = torch.ones_like(elements)
        parts = layout.split(ones, batch_size)  # a view
        parts.mul_(weights.to(ones.dtype).view(-1, *[1] * (parts.dim() - 1)))
        weighed = _at_output(elements, output, ones)
        if weighed is not None and place.explains(plain, weighed, weights, tolerance):
            return layout
    return None


def _at_output(elements: Tensor, output: Tensor, grad: Tensor) -> Tensor | None:
    (found,) = torch.autograd.grad(elements, output, grad, retain_graph=True, allow_unused=True)
    return found
