"""Diagonals of curvature matrices of L_B, parameter by parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor

from cockpit.backward.hessian import HessianOperator
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.loss_hessian import LossHessianRoot
from cockpit.backward.nodes import NodeUse

__all__ = ["diag_ggn", "diag_hutchinson"]

SquaredSums = Callable[[list[LayerCall | NodeUse]], dict[str, Tensor]]


def diag_ggn(
    backpropagate: Callable[[Tensor], list[LayerCall | NodeUse]],
    root: LossHessianRoot,
    squared_sums: SquaredSums,
    batch_size: int,
    samples: int | None,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Diagonal of the generalized Gauss-Newton matrix of the loss, by parameter name.

    Each column of the loss Hessian's root is backpropagated like an output gradient; the squares
    of what the samples then contribute to a parameter add up to the diagonal. Where batch
    statistics couple the samples, the square of their sum is an unbiased estimate of it, with the
    larger variance of Hutchinson's.

    Args:
        backpropagate: Layer calls with the gradients that one at the output gives them.
        root: S with SSᵀ = ∇²_f L.
        squared_sums: Layer calls to Σₙ gₙ² by parameter name.
        batch_size: N.
        samples: Number of random combinations of the columns, or ``None`` for all columns.
        generator: Draws them.
    """
    if samples is None:
        columns, weight = _one_of_each_sample(root.columns(), batch_size), 1.0
    else:
        columns, weight = (root.sample(generator) for _ in range(samples)), 1.0 / samples
    diagonal: dict[str, Tensor] = {}
    for column in columns:
        for name, part in squared_sums(backpropagate(column)).items():
            diagonal[name] = part if name not in diagonal else diagonal[name].add_(part)
    return {name: part.mul_(weight) for name, part in diagonal.items()}


def _one_of_each_sample(columns: Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """The columns, cut up so that none holds two rows of one sample.

    Each must be squared by itself; which rows of a folded first axis belong together is not known.
    """
    for column in columns:
        if column.shape[0] == batch_size:
            yield column
            continue
        for row in range(column.shape[0]):
            alone = torch.zeros_like(column)
            alone[row] = column[row]
            yield alone


def diag_hutchinson(
    hessian: HessianOperator,
    parameters: Mapping[str, Tensor],
    samples: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Estimate of the Hessian's diagonal, the mean of v ⊙ Hv over random signs v.

    Unbiased, for any model, but with a large variance: see the record's ``samples``.

    Reference: Bekas et al. (2007); Hutchinson (1990) for the trace.
    """
    like = next(iter(parameters.values()))
    total = torch.zeros(hessian.size, dtype=like.dtype.to_real(), device=like.device)
    for _ in range(samples):
        draws = torch.randint(0, 2, total.shape, generator=generator, device=total.device)
        signs = (2 * draws - 1).to(total.dtype)
        total += signs * hessian(signs)
    return dict(zip(parameters, hessian.split(total / samples), strict=True))
