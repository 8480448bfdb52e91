"""Products with the Hessian of the mini-batch loss, on the graph of the user's forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cockpit.backward.extensions import Unsupported
from cockpit.distributed import Ranks

__all__ = ["GlobalHessian", "HessianOperator"]


class HessianOperator:
    """v ↦ H_B v for the parameters of a loss, by a second backward pass (Pearlmutter, 1994).

    Built before the user's own backward pass frees the graph; costs one gradient, and each product
    about two. Nothing accumulates in ``.grad``. A complex parameter counts as two real ones.

    Args:
        loss: The loss of this step, as the user's loop computes it.
        parameters: The trainable parameters.
        scale: 1 for a mean-reduced loss, 1/N for a summed one.

    Raises:
        Unsupported: If there is no parameter, or its gradient is sparse.
    """

    def __init__(self, loss: Tensor, parameters: Sequence[Tensor], scale: float) -> None:
        self._parameters = list(parameters)
        self._scale = scale
        if not self._parameters:
            raise Unsupported("the model has no trainable parameter")
        grads = torch.autograd.grad(loss, self._parameters, create_graph=True, allow_unused=True)
        if any(g is not None and g.layout != torch.strided for g in grads):
            raise Unsupported("the gradient is sparse")
        # A gradient without a graph is constant: its Hessian block is zero.
        self._live = [i for i, g in enumerate(grads) if g is not None and g.requires_grad]
        self._grads = [grads[i] for i in self._live]
        self._shapes = [_real(p.detach()).shape for p in self._parameters]
        self.size = sum(shape.numel() for shape in self._shapes)

    def split(self, flat: Tensor) -> list[Tensor]:
        """A flat vector of shape [D], cut into the shapes of the parameters."""
        parts = flat.split([shape.numel() for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def __call__(self, flat: Tensor) -> Tensor:
        """The product with a flat vector, shape [D] to [D]."""
        if not self._live:
            return torch.zeros_like(flat)
        parts = self.split(flat)
        products = torch.autograd.grad(
            self._grads,
            self._parameters,
            [_numbers(parts[i], self._grads[k].dtype) for k, i in enumerate(self._live)],
            retain_graph=True,
            allow_unused=True,
        )
        return self._flatten(products, flat.dtype)

    def gradient(self, dtype: torch.dtype) -> Tensor:
        """The gradient of the mean objective, shape [D]; zero where it has no graph."""
        grads: list[Tensor | None] = [None] * len(self._parameters)
        for i, grad in zip(self._live, self._grads, strict=True):
            grads[i] = grad.detach()
        return self._flatten(grads, dtype)

    def _flatten(self, parts: Sequence[Tensor | None], dtype: torch.dtype) -> Tensor:
        flattened = [
            _real(torch.zeros_like(p) if x is None else x).flatten()
            for x, p in zip(parts, self._parameters, strict=True)
        ]
        flat = torch.cat([part.to(dtype) for part in flattened])
        return flat if self._scale == 1.0 else flat.mul_(self._scale)


def _real(x: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones, shape [*, 2]."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x


def _numbers(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Real numbers, or pairs of these as complex numbers, of a precision."""
    if not dtype.is_complex:
        return x.to(dtype)
    return torch.view_as_complex(x.to(dtype.to_real()).clone())  # a part of it may be unaligned


class GlobalHessian:
    """v ↦ Hv for the global batch: the weighted sum of the ranks' products.

    All ranks ask for the same products, with the same vectors.

    Args:
        local: The Hessian of this rank's batch.
        ranks: All of them.
        weight: Nᵣ / N, of this rank.
    """

    def __init__(self, local: HessianOperator, ranks: Ranks, weight: float) -> None:
        self._local, self._ranks, self._weight = local, ranks, weight
        self.size = local.size

    def __call__(self, flat: Tensor) -> Tensor:
        """The product with a flat vector, shape [D] to [D]."""
        return self._total(self._local(flat))

    def gradient(self, dtype: torch.dtype) -> Tensor:
        """The gradient of the mean objective over the global batch, shape [D]."""
        return self._total(self._local.gradient(dtype))

    def _total(self, own: Tensor) -> Tensor:
        if self._weight != 1.0:
            own.mul_(self._weight)
        return self._ranks.total([own])[0]
