"""The full Hessian and the full generalized Gauss-Newton matrix of small networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .individual import batch_objective, individual_outputs_loss


def _trainable(model: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def layer_slices(model: nn.Module) -> dict[str, slice]:
    """Where each trainable parameter lies in the rows of the matrices below."""
    slices, start = {}, 0
    for name, p in _trainable(model).items():
        slices[name] = slice(start, start + p.numel())
        start += p.numel()
    return slices


def hessian(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """H = ∇² (1/N) Σ ℓ_n over the trainable parameters, shape [D, D]."""
    shapes = {name: p.shape for name, p in _trainable(model).items()}
    slices = layer_slices(model)

    def objective(theta: Tensor) -> Tensor:
        parameters = {name: theta[slices[name]].view(shape) for name, shape in shapes.items()}
        return batch_objective(loss_fn, functional_call(model, parameters, (x,)), y)

    flat = torch.cat([p.detach().flatten() for p in _trainable(model).values()])
    return torch.autograd.functional.hessian(objective, flat)


def ggn(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """G = (1/N) Σ J_nᵀ (∇²_f ℓ_n) J_n over the trainable parameters, shape [D, D]."""
    parameters = list(_trainable(model).values())
    total = torch.zeros((), dtype=x.dtype)
    for n in range(x.shape[0]):
        output = model(x[n : n + 1])
        rows = []
        for element in output.flatten():
            grads = torch.autograd.grad(
                element, parameters, retain_graph=True, materialize_grads=True
            )
            rows.append(torch.cat([g.flatten() for g in grads]))
        jacobian = torch.stack(rows)
        loss_hessian = _output_hessian(loss_fn, output.detach(), y, n)
        total = total + jacobian.T @ loss_hessian @ jacobian
    return total / x.shape[0]


def _output_hessian(loss_fn: nn.Module, output: Tensor, y: Tensor, n: int) -> Tensor:
    """∇²_f ℓ_n with respect to one sample's flattened model output, shape [C, C]."""

    def loss(flat: Tensor) -> Tensor:
        return individual_outputs_loss(loss_fn, flat.view(output.shape), y, n)

    return torch.autograd.functional.hessian(loss, output.flatten())
