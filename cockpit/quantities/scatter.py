"""Element-wise gradient noise: pure functions shared by quantities."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["sum_of_signal_to_noise", "trace_of_covariance"]


def trace_of_covariance(sq_norms: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """(1/N) Σₙ‖gₙ − ḡ‖² from ‖gₙ‖² [N] and ‖ḡ‖²."""
    return (sq_norms.mean() - grad_sq_norm).clamp_min(0)


def sum_of_signal_to_noise(sum_sq: Tensor, grad: Tensor, n: int) -> tuple[Tensor, int]:
    """Σⱼ ḡⱼ² / ((1/N) Σₙ gₙⱼ² − ḡⱼ²) over the elements that have noise, and their number.

    Elements without any (dead units; samples that all agree) are left out: their ratio is 0/0 or
    unbounded. Elements whose noise is lost in rounding count as without.

    Args:
        sum_sq: Σₙ gₙ², any shape.
        grad: ḡ, same shape.
        n: Number of samples.
    """
    square, mean = grad.square(), sum_sq / n
    variance = mean - square
    noisy = variance > 8 * torch.finfo(mean.dtype).eps * mean
    ratio = torch.where(noisy, square / variance, torch.zeros_like(variance))
    return ratio.sum(dtype=torch.float64), int(noisy.sum())
