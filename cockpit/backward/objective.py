"""How what is differentiated relates to a loss that is known: a multiple of it, or more.

Mixed precision and gradient accumulation differentiate a multiple of the loss. Where there is a
further term, or a function of the loss, what is known of the loss says nothing of the gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor

from cockpit.backward.passes import nodes

__all__ = ["MORE", "factor_of", "is_multiple", "relation"]

MORE = (
    "what is differentiated is more than a multiple of the loss that was seen or passed: it has a "
    "further term, or is a function of it. Pass the loss that you call backward() on as loss=… to "
    "cockpit(step)"
)
ROUNDINGS = 32  # by which a multiple of the loss may differ from it


def relation(
    root: Tensor, loss: Tensor, parameters: Iterable[Tensor]
) -> Literal["through", "beside", ""]:
    """Whether a parameter's gradient comes from ``root`` through ``loss`` only, or beside it, too.

    Empty where the root does not depend on the loss.
    """
    if root is loss:
        return "through"
    known = {id(p) for p in parameters}
    beside, place = False, (loss.grad_fn, loss.output_nr)
    passed: set = {place}
    for node in nodes(root, passed):
        beside = beside or id(getattr(node, "variable", None)) in known
    if place in passed:
        return ""
    return "beside" if beside else "through"


def factor_of(root: Tensor, grad: Tensor | None, loss: Tensor) -> float:
    """∂root/∂loss, where ``root`` begins with ``grad`` (``None``: 1)."""
    (factor,) = torch.autograd.grad(root, loss, grad, retain_graph=True, allow_unused=True)
    return 0.0 if factor is None else float(factor)


def is_multiple(root: Tensor, loss: Tensor, factor: Tensor) -> bool:
    """Whether the values agree, too: not those of a root of the loss, or of a loss with an offset.

    What is not finite (overflow in half precision) tells nothing.

    Args:
        root: What was differentiated, times what it began with; a single number, as the others.
        loss: The loss.
        factor: ∂root/∂loss.
    """
    dtype = torch.promote_types(torch.promote_types(root.dtype, loss.dtype), torch.float32)
    values = torch.stack([x.to(loss.device, dtype).sum() for x in (root, loss, factor)]).tolist()
    found, expected = values[0], values[1] * values[2]
    coarse = max(torch.finfo(x.dtype).eps for x in (root, loss))
    off, size = abs(found - expected), max(abs(found), abs(expected))
    return not off > ROUNDINGS * coarse * size  # NaN is not larger
