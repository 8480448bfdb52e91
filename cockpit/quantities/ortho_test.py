"""The orthogonality test."""

from __future__ import annotations

from torch import Tensor

from cockpit.quantities.gradient_tests import GradientTest

__all__ = ["OrthoTest", "ortho_test"]


def ortho_test(sq_norms: Tensor, dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """Largest ν for which the orthogonality test passes (dimensionless).

    ν = √( Σₙ (‖gₙ‖²/‖ḡ‖² − (gₙᵀḡ)²/‖ḡ‖⁴) / (N(N−1)) )

    Args:
        sq_norms: ‖gₙ‖², shape [*, N].
        dots: gₙᵀḡ, shape [*, N].
        grad_sq_norm: ‖ḡ‖², shape [*].

    Returns:
        ν ≥ 0: scatter of the individual gradients across ḡ. NaN where ḡ = 0.

    Raises:
        ValueError: If N < 2.

    Reference: Bollapragada et al. (2017); thesis C.33.
    """
    n = sq_norms.shape[-1]
    if n < 2:
        raise ValueError(f"ortho_test needs ‖gₙ‖² of at least two samples; got {n}.")
    squares = grad_sq_norm.unsqueeze(-1)
    across = sq_norms / squares - (dots / squares).square()
    return (across.sum(-1) / (n * (n - 1))).clamp_min(0).sqrt()


class OrthoTest(GradientTest):
    """Scatter of the individual gradients across the mini-batch gradient, relative to its length.

    √ of the left side of thesis C.33. Reference: Bollapragada et al. (2017).
    """

    @staticmethod
    def measure(sq_norms: Tensor, dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
        """See :func:`ortho_test`."""
        return ortho_test(sq_norms, dots, grad_sq_norm)
