"""What is asked of the individual gradients of one step, and along which directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from cockpit.backward import statistics as st
from cockpit.backward.evaluate import Direction, multiple_of
from cockpit.linalg import ByParameter
from cockpit.step import StepInfo

__all__ = ["FIRST_ORDER", "Questions"]

FIRST_ORDER = (
    st.SqNorms,
    st.DotGrad,
    st.DotUpdate,
    st.DotPreviousUpdate,
    st.SumSq,
    st.GradientHistogram,
    st.JointHistogram,
)


@dataclass(frozen=True)
class Questions:
    """The first-order requests of one step, with what they refer to.

    Attributes:
        requests: All requests of the step; others than first-order ones are passed over.
        info: The step.
        previous_update: s of the step before by name, if known.
        grad: ḡ of the whole step by name; this pass may be a part of it.
    """

    requests: frozenset[st.Statistic]
    info: StepInfo
    previous_update: Mapping[str, Direction] | None
    grad: ByParameter

    @cached_property
    def unanswerable(self) -> list[st.Statistic]:
        """Dot products with an update that is not known."""
        return [
            r
            for r in self.requests
            if (isinstance(r, st.DotUpdate) and self.info.update is None)
            or (isinstance(r, st.DotPreviousUpdate) and self.previous_update is None)
        ]

    @cached_property
    def answerable(self) -> list[st.Statistic]:
        """The others."""
        refused = self.unanswerable
        return [r for r in self.requests if isinstance(r, FIRST_ORDER) and r not in refused]

    def directions(self, name: str) -> dict[st.Statistic, Direction]:
        """The vectors of the dot products with an update, for one parameter."""
        found: dict[st.Statistic, Direction] = {}
        for request in self.answerable:
            if isinstance(request, st.DotUpdate) and self.info.update is not None:
                found[request] = self._along(self.info.update, name)
            if isinstance(request, st.DotPreviousUpdate) and self.previous_update is not None:
                found[request] = self._along(self.previous_update, name)
        return found

    def update_over_grad(self, name: str) -> float | None:
        """The c with s = c · ḡ of a parameter (plain SGD), if dot products with s are wanted.

        gₙᵀs is then a multiple of gₙᵀḡ, which is needed in any case.
        """
        update = self.info.update
        if update is None or name not in update or st.DotUpdate() not in self.answerable:
            return None
        norms = (squares[name] for squares in self._sq_norms)
        return multiple_of(update[name], self.grad[name], *norms)

    @cached_property
    def _sq_norms(self) -> tuple[dict[str, float], dict[str, float]]:
        """‖s‖² and ‖ḡ‖² by name."""
        update = self.info.update or {}
        return (
            dict(zip(update, self.info.sq_update_norms.tolist(), strict=True)),
            dict(zip(self.grad, self.grad.sq_norms.tolist(), strict=True)),
        )

    def _along(self, update: Mapping[str, Direction], name: str) -> Direction:
        # A parameter that was frozen then did not move.
        return update[name] if name in update else torch.zeros_like(self.grad[name])
