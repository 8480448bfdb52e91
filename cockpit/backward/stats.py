"""The result of a tracked backward pass: read-only, in the scale of the mean objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cockpit.backward.evaluate import Products
from cockpit.backward.statistics import Statistic
from cockpit.linalg import ByParameter

__all__ = ["Absent", "BackwardStats"]


class Absent(Exception):  # noqa: N818 - not an error: a fact about a step
    """A quantity has no value at this step; the text says why, in words for the user."""


@dataclass
class BackwardStats:
    """What was requested of one backward pass.

    All of it refers to the mean objective L_B = (1/N) Σ ℓₙ, whatever the loss's reduction:
    individual gradients are unscaled, gₙ = ∇ℓₙ, and ḡ = (1/N) Σ gₙ.

    Attributes:
        grad: ḡ of each parameter that took part in the backward pass, by name.
        by_parameter: For each request that is answered for each parameter: results by name.
        network: For each request that is answered for the network as a whole: the result.
        missing: Parameters without individual gradients, with the reason.
        errors: Requests that could not be answered at all: an :class:`Absent` with the reason, or
            whatever went wrong.
        coupled: Layers whose individual gradients are the samples' *contributions*, because batch
            statistics or the loss couple the samples.
        notes: What a reader must know of the answer to a request, by request.
        left_out: What went wrong in a part of an answer that is there nevertheless, by its name.
        update_products: The update s in product form, where the next step's dot products with it
            are cheaper so.
    """

    grad: ByParameter = field(default_factory=ByParameter)
    by_parameter: dict[Statistic, dict[str, Any]] = field(default_factory=dict)
    network: dict[Statistic, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    errors: dict[Statistic, Exception] = field(default_factory=dict)
    coupled: tuple[str, ...] = ()
    notes: dict[Statistic, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, Exception] = field(default_factory=dict)
    update_products: dict[str, Products] = field(default_factory=dict)

    def of_network(self, statistic: Statistic) -> Any:
        """The network-wide answer to a request that has one.

        Raises:
            Absent: If there is none, with the reason.
        """
        self._check(statistic)
        return self.network[statistic]

    def complete(self, statistic: Statistic) -> Mapping[str, Any]:
        """The answers for all parameters that took part, as a network-wide sum needs them.

        Raises:
            Absent: If one of them has none, with the reason.
        """
        self._check(statistic)
        if not self.grad:
            raise Absent("the backward pass gave no parameter a gradient")
        answers = self.by_parameter[statistic]
        for name in self.grad:
            if name not in answers:
                raise Absent(f"{name}: {self.missing.get(name, 'no individual gradients')}")
        return answers

    @property
    def sq_grad_norms(self) -> Tensor:
        """‖ḡ‖² of each parameter in the order of ``grad``, float64 on the host, shape [P]."""
        return self.grad.sq_norms

    def rows(self, statistic: Statistic) -> Tensor:
        """The answers for all parameters in the order of ``grad``, shape [P, N].

        Raises:
            Absent: If one of them has none, with the reason.
        """
        answers = self.complete(statistic)
        return torch.stack([answers[name] for name in self.grad])

    def total(self, statistic: Statistic) -> Tensor:
        """The sum of the answers over all parameters."""
        return self.rows(statistic).sum(0)

    def _check(self, statistic: Statistic) -> None:
        if statistic in self.errors:
            raise self.errors[statistic]
        if statistic not in self.by_parameter and statistic not in self.network:
            raise Absent(f"{statistic} was not requested of this backward pass")
