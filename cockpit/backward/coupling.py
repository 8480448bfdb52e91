"""Whether the loss compares samples with each other, so that none has a gradient of its own."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["couples_samples"]

TOLERANCE = 1e-3  # of second derivatives between samples, relative to those within them


def couples_samples(
    loss: Tensor, output: Tensor | None, batch_size: int, generator: torch.Generator
) -> bool:
    """Whether the loss's gradient at the output of one sample depends on the other samples'.

    Half of the samples are moved; the second derivatives say whether the others notice. What has
    none (a hinge) is taken for a loss of single samples.

    Args:
        loss: With its graph down to ``output``.
        output: What the loss was computed from, if it was seen; samples first.
        batch_size: N.
        generator: Draws the direction.
    """
    if output is None or not output.requires_grad or batch_size < 2:
        return False
    if output.shape[0] % batch_size:
        return False
    grad = _derivative(loss, output)
    if grad is None or not grad.requires_grad:
        return False
    draws = torch.rand(output.shape, generator=generator, device=output.device)
    moved = len(output) // batch_size * (batch_size // 2)  # rows of the first half
    direction = (0.5 + draws).to(grad.dtype)
    direction[moved:] = 0
    second = _derivative(grad, output, direction)
    if second is None:
        return False
    within, between = second[:moved].abs().amax(), second[moved:].abs().amax()
    return bool(between > TOLERANCE * within)


def _derivative(of: Tensor, output: Tensor, direction: Tensor | None = None) -> Tensor | None:
    try:
        (found,) = torch.autograd.grad(
            of, output, direction, create_graph=True, retain_graph=True, allow_unused=True
        )
    except RuntimeError:  # an operation without a second derivative
        return None
    return found
