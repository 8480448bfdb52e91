"""The norm test."""

from __future__ import annotations

from torch import Tensor

from cockpit.quantities.gradient_tests import GradientTest

__all__ = ["NormTest", "norm_test"]


def norm_test(sq_norms: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """Largest θ for which the norm test passes (dimensionless).

    θ = √( Σₙ‖gₙ − ḡ‖² / (N(N−1)) ) / ‖ḡ‖

    Args:
        sq_norms: ‖gₙ‖², shape [*, N].
        grad_sq_norm: ‖ḡ‖², shape [*].

    Returns:
        θ ≥ 0; ∞ where ḡ = 0. Large: noise dominates; enlarge the batch.

    Raises:
        ValueError: If N < 2.

    Reference: Byrd et al. (2012), eq. 3.9; thesis C.20.
    """
    n = sq_norms.shape[-1]
    if n < 2:
        raise ValueError(f"norm_test needs ‖gₙ‖² of at least two samples; got {n}.")
    return ((sq_norms.sum(-1) / grad_sq_norm - n) / (n * (n - 1))).clamp_min(0).sqrt()


class NormTest(GradientTest):
    """How far the mini-batch gradient may be from the true one, relative to its length.

    √ of the left side of thesis C.20. Reference: Byrd et al. (2012).
    """

    @staticmethod
    def measure(sq_norms: Tensor, dots: Tensor, grad_sq_norm: Tensor) -> Tensor:
        """See :func:`norm_test`."""
        return norm_test(sq_norms, grad_sq_norm)
