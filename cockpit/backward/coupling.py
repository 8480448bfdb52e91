"""Whether the loss compares samples with each other, so that none has a gradient of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cockpit.backward.nodes.steps import POINTWISE, VIEWS
from cockpit.backward.nodes.use import kind_of

__all__ = ["couples_samples", "keeps_samples_apart"]

ELEMENTWISE = POINTWISE | VIEWS - {"Sum", "Mean", "Cat", "Stack"}
TOLERANCE = 1e-3  # of second derivatives between samples, relative to those within them


def couples_samples(
    loss: Tensor, output: Tensor | None, batch_size: int, generator: torch.Generator
) -> bool:
    """Whether the loss's gradient at the output of one sample depends on the other samples'.

    Where it does not, the Hessian H at the output is made of one block for each sample: weights sₙ
    of the samples then pass through it, H(s ⊙ d) = s ⊙ Hd, whatever the direction d. What has no
    second derivative (a hinge) is taken for a loss of single samples.

    Args:
        loss: With its graph down to ``output``.
        output: What the loss was computed from, if it was seen; samples first.
        batch_size: N.
        generator: Draws direction and weights.
    """
    if output is None or not output.requires_grad or batch_size < 2:
        return False
    if output.shape[0] % batch_size:
        return False
    grad = _derivative(loss, output)
    if grad is None or not grad.requires_grad:
        return False
    direction = _draw(output.shape, generator, grad)
    weights = _draw(torch.Size([batch_size]), generator, grad)
    weights = weights.repeat_interleave(len(output) // batch_size)
    weights = weights.view(-1, *[1] * (output.dim() - 1))
    plain = _derivative(grad, output, direction)
    weighed = _derivative(grad, output, weights * direction)
    if plain is None or weighed is None:
        return False
    between = (weighed - weights * plain).abs().amax()
    return bool(between > TOLERANCE * plain.abs().amax())


def keeps_samples_apart(arguments: Sequence[Tensor], output: Tensor | None) -> bool:
    """Whether a sum over the elements of the arguments is one over the samples of the output.

    That is so without a test if one argument depends on the model, and its elements are single
    elements of the model's output.

    Args:
        arguments: Those that carry a gradient.
        output: Of the model.
    """
    if len(arguments) != 1 or output is None:
        return len(arguments) == 0
    node, end = arguments[0].grad_fn, output.grad_fn
    while node is not end:
        sources = [] if node is None else node.next_functions
        if len(sources) != 1 or kind_of(node) not in ELEMENTWISE:
            return False
        node = sources[0][0]
    return True


def _draw(shape: torch.Size, generator: torch.Generator, like: Tensor) -> Tensor:
    """From 0.5 to 1.5."""
    draws = torch.rand(shape, generator=generator, device=like.device)
    return (0.5 + draws).to(like.dtype)


def _derivative(of: Tensor, output: Tensor, direction: Tensor | None = None) -> Tensor | None:
    try:
        (found,) = torch.autograd.grad(
            of, output, direction, create_graph=True, retain_graph=True, allow_unused=True
        )
    except RuntimeError:  # an operation without a second derivative
        return None
    return found
