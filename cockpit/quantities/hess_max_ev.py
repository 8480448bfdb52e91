"""The largest eigenvalue of the Hessian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch

from cockpit.backward.statistics import MaxEigenvalue, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Absent, Quantity, Tier, scalar
from cockpit.schedules import Schedule
from cockpit.step import StepInfo

__all__ = ["HessMaxEV"]

# Relative to the largest eigenvalue; in half precision, whose vectors are single, rounding is 1e-3.
ASYMMETRY = {torch.float64: 1e-6}
HALF_ASYMMETRY = 2e-2


class HessMaxEV(Quantity):
    """Largest algebraic eigenvalue λ_max of the Hessian H_B: the sharpest direction of the loss.

    The record holds the number of Hessian-vector ``products``, the ``residual`` ‖Hv − λv‖ (some
    eigenvalue is no farther away than that), and ``min_ev``, an upper bound of the smallest
    eigenvalue, where the method gives it for nothing. With gradient accumulation it is that of the
    first micro-batch alone: the record says ``parts: "1 of 4"`` and how many ``samples``.

    Args:
        schedule: When to track.
        method: ``lanczos`` (default; begins where the last tracked step ended) or ``power``
            (power iteration, as in the thesis).
        max_iterations: At most so many products (for each phase of ``power``).
        rtol: Relative tolerance.
        atol: Absolute tolerance.

    Raises:
        ValueError: If ``method`` is neither, or a number is out of range.

    Reference: Pearlmutter (1994); Yao et al. (2020); thesis C.34.
    """

    tier: ClassVar[Tier | None] = "full"

    def __init__(
        self,
        schedule: Schedule | Callable[[int], bool] | int | None = None,
        method: Literal["lanczos", "power"] = "lanczos",
        max_iterations: int = 100,
        rtol: float = 2e-3,
        atol: float = 1e-6,
    ) -> None:
        super().__init__(schedule)
        if method not in ("lanczos", "power") or max_iterations < 1 or rtol < 0 or atol < 0:
            raise ValueError(
                "HessMaxEV needs method 'lanczos' or 'power', max_iterations >= 1 and tolerances "
                f">= 0; got {method!r}, {max_iterations}, {rtol}, {atol}."
            )
        self.request = MaxEigenvalue(method, max_iterations, rtol, atol)

    def requires(self) -> frozenset[Statistic]:
        """The eigenvalue."""
        return frozenset({self.request})

    def parameters(self) -> dict[str, Any]:
        """The method and its stopping rule."""
        request = self.request
        return {
            "method": request.method,
            "max_iterations": request.max_iterations,
            "rtol": request.rtol,
            "atol": request.atol,
        }

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The eigenvalue at θ(t)."""
        pair = stats.of_network(self.request)
        scale = max(abs(pair.value), abs(pair.min_value or 0.0))
        if pair.asymmetry > ASYMMETRY.get(pair.vector.dtype, HALF_ASYMMETRY) * scale:
            raise Absent(
                "the products with the Hessian are not those of a symmetric matrix: the second "
                "derivative of an operation of the model is wrong (torch's weight_norm, for one)"
            )
        return scalar(
            pair.value,
            method=self.request.method,
            products=pair.products,
            residual=pair.residual,
            min_ev=pair.min_value,
            converged=None if pair.converged else False,
        )
