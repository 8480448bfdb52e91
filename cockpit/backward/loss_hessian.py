"""A square root S of the loss's Hessian with respect to the model's output: SSᵀ = ∇²_f L.

The generalized Gauss-Newton matrix is JᵀSSᵀJ, so its diagonal follows from backpropagating the
columns of S (exactly), or of random combinations Sz with E[zzᵀ] = I (an unbiased estimate).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cockpit.backward.extensions import Unsupported

__all__ = ["LossHessianRoot", "root_of_loss_hessian"]

LINEAR = (
    "the loss is linear in the model's output, where the Gauss-Newton matrix is zero "
    "(a log-softmax inside the model?)"
)
MAX_DENSE = 128  # outputs per sample up to which the Hessian's blocks are formed


class LossHessianRoot(ABC):
    """S, seen through its columns and through random combinations of them."""

    @abstractmethod
    def columns(self) -> Iterator[Tensor]:
        """The columns, each in the output's shape: one of each row of the first axis at once."""

    @abstractmethod
    def sample(self, generator: torch.Generator) -> Tensor:
        """Sz with a random sign in each component of z, in the output's shape."""


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    draws = torch.randint(0, 2, like.shape, generator=generator, device=like.device)
    return (2 * draws - 1).to(like.dtype)


def _weights(like: Tensor, generator: torch.Generator) -> Tensor:
    """All different, so that what is mixed shows; from 0.5 to 1.5."""
    draws = torch.rand(like.shape, generator=generator, device=like.device)
    return (0.5 + draws).to(like.dtype)


class SoftmaxRoot(LossHessianRoot):
    """Cross-entropy: ∇² = κ (diag p − ppᵀ) = SSᵀ with S = √κ (diag √p − p √pᵀ).

    Args:
        probabilities: Softmax of the logits.
        kappa: Weight of each row in the loss, in the shape of the targets.
        axis: The classes' axis.
    """

    def __init__(self, probabilities: Tensor, kappa: Tensor, axis: int) -> None:
        self._axis = axis
        self._p = probabilities
        self._root = probabilities.sqrt()
        self._weight = kappa.clamp_min(0).sqrt().unsqueeze(axis)

    def columns(self) -> Iterator[Tensor]:
        # Logits without a sample axis of their own count as one row.
        rows = self._p.unsqueeze(0) if self._axis == 0 else self._p
        for place in range(rows[0].numel()):
            unit = rows.new_zeros(rows.shape)
            unit.flatten(1)[:, place] = 1
            yield self._combine(unit.view_as(self._p))

    def sample(self, generator: torch.Generator) -> Tensor:
        return self._combine(_signs(self._p, generator))

    def _combine(self, z: Tensor) -> Tensor:
        along = (self._root * z).sum(self._axis, keepdim=True)
        return self._weight * (self._root * z - self._p * along)


class ElementwiseRoot(LossHessianRoot):
    """A loss that treats each output by itself: ∇² is diagonal."""

    def __init__(self, diagonal: Tensor) -> None:
        self._root = diagonal.clamp_min(0).sqrt()

    def columns(self) -> Iterator[Tensor]:
        flat = self._root.reshape(len(self._root), -1)
        for k in range(flat.shape[1]):
            column = torch.zeros_like(flat)
            column[:, k] = flat[:, k]
            yield column.view_as(self._root)

    def sample(self, generator: torch.Generator) -> Tensor:
        return self._root * _signs(self._root, generator)


class DenseRoot(LossHessianRoot):
    """Any loss whose rows are independent, from the eigenvectors of each row's Hessian block.

    Args:
        blocks: Shape [rows, C, C]. Negative eigenvalues (a loss that is not convex in the output)
            are cut off, as the Gauss-Newton matrix asks for a convex loss.
    """

    def __init__(self, blocks: Tensor) -> None:
        values, vectors = torch.linalg.eigh(blocks)
        self._root = vectors * values.clamp_min(0).sqrt().unsqueeze(1)

    def columns(self) -> Iterator[Tensor]:
        yield from self._root.unbind(2)

    def sample(self, generator: torch.Generator) -> Tensor:
        z = _signs(self._root[:, 0], generator)
        return torch.einsum("rck,rk->rc", self._root, z)


def root_of_loss_hessian(
    loss: Tensor, output: Tensor, loss_fn: object, target: object, generator: torch.Generator
) -> LossHessianRoot:
    """S for the loss of this step.

    Args:
        loss: Scalar, with its graph down to ``output``.
        output: What the model returned and the loss was computed from.
        loss_fn: The loss function; ``nn.CrossEntropyLoss`` has a closed form.
        target: What the loss function compared the output with, if known.
        generator: For the check that the rows are independent.

    Raises:
        Unsupported: If the loss is linear in the output, or couples the samples, or has too many
            outputs to form the Hessian's blocks.
    """
    if not bool(torch.isfinite(loss)):
        raise Unsupported("the loss is not finite")
    if type(loss_fn) is nn.CrossEntropyLoss and isinstance(target, Tensor):
        axis = min(1, output.dim() - 1)
        weights = _cross_entropy_weights(loss_fn, output.detach(), target)
        return SoftmaxRoot(output.detach().softmax(axis), weights, axis)
    (grad,) = torch.autograd.grad(loss, output, create_graph=True, allow_unused=True)
    if grad is None or not grad.requires_grad:
        raise Unsupported(LINEAR)
    diagonal = _second(grad.sum(), output)
    weights = _weights(grad, generator)
    if _close(_second((grad * weights).sum(), output), weights * diagonal):
        if not diagonal.any():
            raise Unsupported(LINEAR)
        return ElementwiseRoot(diagonal)
    for axis in {min(1, output.dim() - 1), output.dim() - 1}:
        if (root := _softmax_root(grad, output, axis, generator)) is not None:
            return root
    return DenseRoot(_blocks(grad, output, generator))


def _softmax_root(
    grad: Tensor, output: Tensor, axis: int, generator: torch.Generator
) -> SoftmaxRoot | None:
    """The root of a cross-entropy that was computed in some other way; ``None`` if it is none.

    One product with the Hessian tells κ of each row, if it is of this form, and another whether.
    """
    p = output.detach().softmax(axis)
    kappa: Tensor | None = None
    for _ in range(2):
        v = torch.rand(p.shape, generator=generator, device=p.device).to(p.dtype)
        image = p * v - p * (p * v).sum(axis, keepdim=True)
        product = _second((grad * v).sum(), output)
        if kappa is None:
            norms = image.square().sum(axis, keepdim=True)
            kappa = (product * image).sum(axis, keepdim=True) / norms
            kappa = kappa.where(norms > 0, torch.zeros_like(kappa))
        if not _close(kappa * image, product):
            return None
    return None if kappa is None else SoftmaxRoot(p, kappa.squeeze(axis), axis)


def _blocks(grad: Tensor, output: Tensor, generator: torch.Generator) -> Tensor:
    if output.dim() != 2 or output.shape[1] > MAX_DENSE:
        raise Unsupported(
            f"the loss's Hessian is formed for outputs of shape [N, C <= {MAX_DENSE}]; got "
            f"{tuple(output.shape)}. nn.CrossEntropyLoss and elementwise losses have no such limit"
        )
    rows = [_second(grad[:, k].sum(), output) for k in range(output.shape[1])]
    blocks = torch.stack(rows, 1)
    weights = _weights(grad[:, :1], generator)
    if not _close(_second((grad[:, :1] * weights).sum(), output), weights * blocks[:, 0]):
        raise Unsupported("the loss couples the samples of the batch")
    return (blocks + blocks.transpose(1, 2)) / 2


def _second(scalar: Tensor, output: Tensor) -> Tensor:
    (result,) = torch.autograd.grad(scalar, output, retain_graph=True, allow_unused=True)
    return torch.zeros_like(output) if result is None else result


def _close(left: Tensor, right: Tensor) -> bool:
    scale = float(right.abs().amax())
    return bool((left - right).abs().amax() <= 1e-4 * scale)


def _cross_entropy_weights(loss_fn: nn.CrossEntropyLoss, logits: Tensor, target: Tensor) -> Tensor:
    """κ: the weight of each row's log-sum-exp in the loss, in the shape of the rows."""
    axis = min(1, logits.dim() - 1)
    classes = logits.shape[axis]
    weight = logits.new_ones(classes) if loss_fn.weight is None else loss_fn.weight.to(logits)
    smooth = loss_fn.label_smoothing
    if target.is_floating_point():
        target = (1 - smooth) * target + smooth / classes
        shape = [classes if i == axis else 1 for i in range(logits.dim())]
        kappa = (target * weight.view(shape)).sum(axis)
        normalizer = kappa.new_tensor(logits.numel() / classes)
    else:
        valid = target != loss_fn.ignore_index
        own = weight[target.clamp_min(0) * valid] * valid
        kappa = ((1 - smooth) * own + smooth / classes * weight.sum()) * valid
        normalizer = own.sum()
    return kappa / normalizer if loss_fn.reduction == "mean" else kappa
