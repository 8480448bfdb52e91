"""Element-wise gradient noise: pure functions shared by quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cockpit.quantities.base import Absent

__all__ = ["SignalToNoise", "signal_to_noise", "sum_of_signal_to_noise", "trace_of_covariance"]


def trace_of_covariance(sq_norms: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """(1/N) Σₙ‖gₙ − ḡ‖² from ‖gₙ‖² [*, N] and ‖ḡ‖² [*]."""
    return (sq_norms.mean(-1) - grad_sq_norm).clamp_min(0)


def sum_of_signal_to_noise(
    sum_sq: Tensor, grad: Tensor, n: int, floor: Tensor | float = 0.0
) -> tuple[Tensor, int]:
    """Σⱼ ḡⱼ² / ((1/N) Σₙ gₙⱼ² − ḡⱼ²) over the elements that have noise, and their number.

    Elements without any (dead units; samples that all agree) are left out: their ratio is 0/0 or
    unbounded. Elements whose noise is lost in rounding count as without, and so do those that are
    nothing but rounding.

    Args:
        sum_sq: Σₙ gₙ², any shape.
        grad: ḡ, same shape.
        n: Number of samples.
        floor: (1/N) Σₙ gₙⱼ² up to which an element is rounding.
    """
    square, mean = grad.square(), sum_sq / n
    variance = mean - square
    noisy = (variance > 8 * torch.finfo(mean.dtype).eps * mean) & (mean > floor)
    ratio = torch.where(noisy, square / variance, torch.zeros_like(variance))
    return ratio.sum(dtype=torch.float64), int(noisy.sum())


@dataclass(frozen=True)
class SignalToNoise:
    """Sums of ḡⱼ² / variance over the elements that have noise.

    Attributes:
        by_parameter: Sum and number of such elements of each parameter.
        total: Sum over the network.
        noisy: Number of such elements in the network.
        excluded: Number of the others.
    """

    by_parameter: dict[str, tuple[Tensor, int]]
    total: Tensor
    noisy: int
    excluded: int


def signal_to_noise(
    sums_sq: Mapping[str, Tensor], grads: Mapping[str, Tensor], n: int
) -> SignalToNoise:
    """:func:`sum_of_signal_to_noise` for each parameter and for the network.

    What is below the rounding of the network's largest elements may be a zero: the bias of an
    attention layer's keys has no gradient, but what is computed for it is not exactly zero.

    Args:
        sums_sq: Σₙ gₙ² by parameter name, at least one.
        grads: ḡ by parameter name.
        n: Number of samples.

    Raises:
        Absent: If no element has any noise, or one is infinite or no number.
    """
    largest = torch.stack([s.max() for s in sums_sq.values()]).max() / n
    floor = (4 * torch.finfo(largest.dtype).eps) ** 2 * largest
    sums = {name: sum_of_signal_to_noise(s, grads[name], n, floor) for name, s in sums_sq.items()}
    noisy = sum(count for _, count in sums.values())
    if noisy == 0:  # as also where one element is infinite: all others are below its rounding
        is_finite = bool(torch.isfinite(largest))
        without = "no element of the gradient has any noise"
        raise Absent(without if is_finite else "the gradient is not finite")
    return SignalToNoise(
        by_parameter=sums,
        total=torch.stack([part for part, _ in sums.values()]).sum(),
        noisy=noisy,
        excluded=sum(s.numel() for s in sums_sq.values()) - noisy,
    )
