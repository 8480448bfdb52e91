"""The inner product test."""

from __future__ import annotations

from torch import Tensor

from cockpit.quantities.gradient_tests import GradientTest

__all__ = ["InnerTest", "inner_test"]


def inner_test(dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """Largest θ for which the inner product test passes (dimensionless).

    θ = √( Σₙ (gₙᵀḡ/‖ḡ‖² − 1)² / (N(N−1)) )

    Args:
        dots: gₙᵀḡ, shape [*, N].
        grad_sq_norm: ‖ḡ‖², shape [*].

    Returns:
        θ ≥ 0: scatter of the individual gradients along ḡ. NaN where ḡ = 0.

    Raises:
        ValueError: If N < 2.

    Reference: Bollapragada et al. (2017); thesis C.24 (the form that does not cancel) and C.26.
    """
    n = dots.shape[-1]
    if n < 2:
        raise ValueError(f"inner_test needs gₙᵀḡ of at least two samples; got {n}.")
    return ((dots / grad_sq_norm.unsqueeze(-1) - 1).square().sum(-1) / (n * (n - 1))).sqrt()


class InnerTest(GradientTest):
    """Scatter of the individual gradients along the mini-batch gradient, relative to its length.

    √ of the left side of thesis C.26. Reference: Bollapragada et al. (2017).
    """

    @staticmethod
    def measure(sq_norms: Tensor, dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
        """See :func:`inner_test`."""
        return inner_test(dots, grad_sq_norm)
