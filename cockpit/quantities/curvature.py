"""What quantities of diagonal curvature share: which curvature, and how to say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from cockpit.backward.statistics import Curvature, DiagCurvature
from cockpit.quantities.base import Quantity
from cockpit.schedules import Schedule

__all__ = ["CurvatureQuantity"]

ESTIMATES = ("ggn_mc", "hutchinson")


class CurvatureQuantity(Quantity):
    """A quantity of a curvature matrix's diagonal.

    Args:
        schedule: When to track.
        curvature: ``ggn_mc`` (default; cheap, unbiased estimate of the generalized Gauss-Newton
            matrix; noisier where batch norm couples the samples), ``ggn`` (exact; one backward
            pass for each output of the model), ``hessian`` (exact; a chain of layers that BackPACK
            knows), ``hutchinson`` (any model; noisy). For piecewise linear networks with a convex
            loss, GGN and Hessian have the same diagonal.
        samples: Draws of the two estimates.

    Raises:
        ValueError: If ``curvature`` is none of these or ``samples`` below 1.
    """

    def __init__(
        self,
        schedule: Schedule | Callable[[int], bool] | int | None = None,
        curvature: Curvature = "ggn_mc",
        samples: int = 1,
    ) -> None:
        super().__init__(schedule)
        if curvature not in get_args(Curvature) or samples < 1:
            raise ValueError(
                f"{self.name} needs curvature to be one of {', '.join(get_args(Curvature))} and "
                f"samples >= 1; got {curvature!r} and {samples}."
            )
        self.diagonal = DiagCurvature(curvature, samples if curvature in ESTIMATES else 1)

    def notes(self) -> dict[str, Any]:
        """How the curvature was found, for the record."""
        notes: dict[str, Any] = {"curvature": self.diagonal.curvature}
        if self.diagonal.curvature in ESTIMATES:
            notes |= {"estimate": True, "samples": self.diagonal.samples}
        return notes

    def parameters(self) -> dict[str, Any]:
        """Curvature and number of samples."""
        return {"curvature": self.diagonal.curvature, "samples": self.diagonal.samples}
