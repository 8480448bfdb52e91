"""Losses and gradients of the single samples, by a loop over samples."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def contribution_scale(loss_fn: nn.Module, y: Tensor, elements_per_sample: int) -> float:
    """Factor between a sample's summed loss elements and ℓ_n.

    ℓ_n is N times what sample n contributes to the batch loss, so that (1/N) Σ ℓ_n is the loss of
    a mean-reduced loss function. A sum-reduced one has ℓ_n = its contribution.

    Args:
        loss_fn: The loss module with ``reduction`` "mean" or "sum".
        y: All targets of the mini-batch.
        elements_per_sample: Loss elements that one sample yields with ``reduction="none"``.
    """
    if loss_fn.reduction == "sum":
        return 1.0
    n = y.shape[0]
    if not isinstance(loss_fn, (nn.CrossEntropyLoss, nn.NLLLoss)) or y.is_floating_point():
        return n / (n * elements_per_sample)
    # Class indices: torch divides by the summed weights of the targets that are not ignored.
    kept = y[y != loss_fn.ignore_index]
    weights = torch.ones(kept.shape) if loss_fn.weight is None else loss_fn.weight[kept]
    return n / float(weights.sum())


def _elementwise(loss_fn: nn.Module) -> nn.Module:
    """The same loss without reduction."""
    elementwise = copy.copy(loss_fn)
    elementwise.reduction = "none"
    return elementwise


def individual_outputs_loss(loss_fn: nn.Module, output: Tensor, y: Tensor, n: int) -> Tensor:
    """ℓ_n as a function of sample n's model output, shape [1, ...]; ``y`` is the whole batch."""
    elements = _elementwise(loss_fn)(output, y[n : n + 1])
    return contribution_scale(loss_fn, y, elements.numel()) * elements.sum()


def individual_losses(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """ℓ_n of every sample, shape [N], each from a forward pass of that sample alone."""
    return torch.stack(
        [individual_outputs_loss(loss_fn, model(x[n : n + 1]), y, n) for n in range(x.shape[0])]
    )


def individual_gradients(
    model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor
) -> dict[str, Tensor]:
    """g_n = ∇ℓ_n of every sample for each trainable named parameter, shapes [N, *parameter]."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rows: dict[str, list[Tensor]] = {name: [] for name in named}
    for n in range(x.shape[0]):
        loss = individual_outputs_loss(loss_fn, model(x[n : n + 1]), y, n)
        grads = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
        for name, grad in zip(named, grads, strict=True):
            rows[name].append(grad)
    return {name: torch.stack(grads) for name, grads in rows.items()}


def batch_objective(loss_fn: nn.Module, output: Tensor, y: Tensor) -> Tensor:
    """L = (1/N) Σ ℓ_n from one batched forward pass: the loss, divided by N if it is a sum."""
    loss = loss_fn(output, y)
    return loss / y.shape[0] if loss_fn.reduction == "sum" else loss
