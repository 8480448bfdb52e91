"""Steps from a parameter to the operation that joins it with the samples.

Transposing, cutting, casting, looking up positions: what comes out of such a step is the same for
all samples, so individual gradients are taken back over it sample by sample, linearly. That is done
when the optimizer may have stepped already: of what a step needs of parameters it takes copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cockpit.backward.extensions.base import Chunked, Contribution, Outer
from cockpit.backward.nodes.use import Pull, shape_of_input

__all__ = ["POINTWISE", "VIEWS", "pull_of", "summed_to"]

# Nodes that save no tensor, so they can be run at any time; their outputs are linear in the input.
VIEWS = {
    *("T", "Transpose", "Permute", "View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze"),
    *("Slice", "Select", "Split", "SplitWithSizes", "Unbind", "AsStrided", "Clone", "Alias"),
    *("ToCopy", "Expand", "Repeat", "Cat", "Stack", "Sum", "Neg", "Diagonal", "Flip", "Roll"),
    *("ConstantPadNd", "Mean"),
}
# Functions of single elements: their derivative is taken at once, by their own backward function.
POINTWISE = {
    *("Softplus", "Tanh", "Sigmoid", "Exp", "Exp2", "Expm1", "Log", "Log1P", "Log2", "Abs", "Pow"),
    *("Relu", "LeakyRelu", "Gelu", "Silu", "Elu", "Sqrt", "Rsqrt", "Reciprocal", "Clamp", "Sin"),
    *("Cos", "ClampMin", "ClampMax", "LogSigmoid", "Hardtanh", "MaskedFill", "Softsign"),
}


def pull_of(kind: str, node: Any, place: int, number: int) -> Pull | None:
    """The map from contributions at a step's output to contributions at its input.

    Args:
        kind: The operation's name.
        node: Its node.
        place: Which input is meant.
        number: Which of the outputs is used.

    Returns:
        ``None`` if there is no rule.
    """
    if kind == "T":
        return _over_transpose
    if kind == "ToCopy":
        return lambda contribution: contribution  # it stays as wide as it is
    if kind in ("Split", "SplitWithSizes"):
        return _over_cut(node, number)
    if kind in VIEWS:
        return _linear(_batched(node, place, number))
    if kind in ("Add", "Sub", "Mul", "Div"):
        return _over_arithmetic(kind, node, place)
    if kind in POINTWISE:
        return _over_function(node, place)
    return {
        "Embedding": _over_lookup,
        "Index": _over_index,
        "LinalgVectorNorm": _over_norm,
        "Mm": _over_product,
        "WeightNormInterface": _over_weight_norm,
    }.get(kind, lambda *_: None)(node, place)


def summed_to(x: Tensor, shape: torch.Size) -> Tensor:
    """Undo broadcasting sample by sample: [n, …] to [n, *shape]."""
    missing = x.dim() - 1 - len(shape)
    lengths = (1,) * missing + tuple(shape)
    axes = [k + 1 for k, s in enumerate(lengths) if s == 1 and x.shape[k + 1] != 1]
    x = x.sum(axes, keepdim=True) if axes else x
    return x.reshape(x.shape[0], *shape)


def _linear(adjoint: Callable[[Tensor], Tensor]) -> Pull:
    def pull(contribution: Contribution) -> Contribution:
        return Chunked(lambda *span: adjoint(contribution.make(*span)), contribution.rows)

    return pull


def _batched(node: Any, place: int, number: int) -> Callable[[Tensor], Tensor]:
    """The node's own backward function, for many gradients at once."""
    outputs = len(node._input_metadata)

    def run(grad: Tensor) -> Tensor:
        made = node(*(grad if k == number else None for k in range(outputs)))
        return made[place] if isinstance(made, tuple) else made

    return torch.func.vmap(run)


def _over_transpose(contribution: Contribution) -> Contribution:
    if isinstance(contribution, Outer):
        return Outer(contribution.b, contribution.a)
    return Chunked(lambda *span: contribution.make(*span).mT, contribution.rows)


def _over_cut(node: Any, number: int) -> Pull:
    """Of rows that were cut off, the others get zero; an outer product stays one."""
    general = _linear(_batched(node, 0, number))
    lengths = [m.shape[0] for m in node._input_metadata]
    before, after = sum(lengths[:number]), sum(lengths[number + 1 :])
    if sum(lengths) != shape_of_input(node, 0)[0]:
        return general  # along another axis

    def pull(contribution: Contribution) -> Contribution:
        if isinstance(contribution, Outer):
            return Outer(contribution.a, F.pad(contribution.b, (before, after)))
        return _linear(lambda grad: _padded(grad, before, after))(contribution)

    return pull


def _padded(x: Tensor, before: int, after: int) -> Tensor:
    return F.pad(x, (0, 0) * (x.dim() - 2) + (before, after))


def _over_arithmetic(kind: str, node: Any, place: int) -> Pull | None:
    shape = shape_of_input(node, place)
    factor: Tensor | float = 1.0
    if kind == "Div":
        below = node._saved_other.detach()
        factor = -node._saved_self.detach() / below.square() if place else 1 / below
    elif kind == "Mul":
        factor = (node._saved_self if place else node._saved_other).detach().clone()
    elif place:
        factor = -node._saved_alpha if kind == "Sub" else node._saved_alpha
    return _linear(lambda grad: summed_to(grad * factor, shape))


def _over_function(node: Any, place: int) -> Pull | None:
    metadata = node._input_metadata[0]
    if torch.Size(metadata.shape) != shape_of_input(node, place):
        return None
    ones = torch.ones(metadata.shape, dtype=metadata.dtype, device=metadata.device)
    made = node(ones)
    slope = (made[place] if isinstance(made, tuple) else made).detach()
    return _linear(lambda grad: grad * slope)


def _over_weight_norm(node: Any, place: int) -> Pull:
    """Weight normalization: g v / ‖v‖, a norm for each index along one axis."""
    v, g, norm = (getattr(node, f"_saved_{k}").detach() for k in ("v", "g", "result1"))
    kept = node._saved_dim % v.dim()
    axes = [k + 1 for k in range(v.dim()) if k != kept]
    unit, ratio = v / norm, g / norm

    def adjoint(grad: Tensor) -> Tensor:
        along = (grad * unit).sum(axes, keepdim=True)
        return along if place == 1 else ratio * (grad - along * unit)

    return _linear(adjoint)


def _over_norm(node: Any, place: int) -> Pull | None:
    """Euclidean norms along some axes."""
    if node._saved_ord != 2:
        return None
    x, norm = node._saved_self.detach(), node._saved_result.detach()
    axes = sorted(k % x.dim() for k in node._saved_dim or range(x.dim()))
    kept = torch.Size(1 if k in axes else size for k, size in enumerate(x.shape))
    unit = torch.where(norm.view(kept) == 0, 0, x / norm.view(kept))
    return _linear(lambda grad: grad.reshape(len(grad), *kept) * unit)


def _over_index(node: Any, place: int) -> Pull | None:
    """Indexing along the leading axes, with the same indices for all samples."""
    indices, shape = list(node._saved_indices), shape_of_input(node, 0)
    if any(k is None for k in indices) or any(k.dtype == torch.bool for k in indices):
        return None

    def adjoint(grad: Tensor) -> Tensor:
        out = grad.new_zeros(grad.shape[0], *shape)
        return torch.ops.aten.index_put_(out, [None, *indices], grad, accumulate=True)

    return _linear(adjoint)


def _over_lookup(node: Any, place: int) -> Pull | None:
    """Positions are looked up: the same rows of the table for all samples."""
    index, shape = node._saved_indices.detach().flatten(), shape_of_input(node, 0)
    padding = node._saved_padding_idx
    if node._saved_scale_grad_by_freq:
        return None
    keep = (index != padding).unsqueeze(1)

    def adjoint(grad: Tensor) -> Tensor:
        out = grad.new_zeros(grad.shape[0], *shape)
        return out.index_add_(1, index, grad.reshape(len(grad), -1, shape[-1]) * keep)

    return _linear(adjoint)


def _over_product(node: Any, place: int) -> Pull:
    """A product with a matrix that is the same for all samples."""
    if place == 0:
        other = node._saved_mat2.detach().clone()
        return _linear(lambda grad: grad @ other.to(grad.dtype).mT)
    other = node._saved_self.detach().clone()
    return _linear(lambda grad: other.to(grad.dtype).mT @ grad)
