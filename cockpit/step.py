"""What is known of one step of the training loop, as the quantities see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from cockpit.linalg import squared_norms

__all__ = ["StepInfo"]


@dataclass(frozen=True)
class StepInfo:
    """One step t: the forward and backward pass at θ(t) and the update that followed.

    Attributes:
        step: The step's number t, as the user counts.
        time: Seconds from the beginning of the run to the end of this backward pass.
        loss: L_B as the mean over the samples.
        batch_size: Number N of samples.
        individual_losses: ℓₙ, shape [N]; ``None`` if unknown.
        learning_rates: One for each parameter group.
        group_of: Index of the parameter group of each parameter, by name.
        optimizer: Class name of the optimizer, ``None`` if unknown.
        plain_sgd: Whether the optimizer is SGD without momentum or weight decay.
        reduction: ``mean`` or ``sum``.
        layers: Names of all parameters, in the order of the log's header.
        parameters: θ(t) by name, trainable parameters.
        initial: θ(0) by name.
        update: s = θ(t+1) − θ(t) by name; ``None`` if no update has been seen.
        details: Whatever else was passed in ``info={…}``.
        ranks: Number of processes, over which the gradient is averaged.
    """

    step: int
    time: float
    loss: float
    batch_size: int
    individual_losses: Tensor | None
    learning_rates: tuple[float, ...]
    group_of: Mapping[str, int]
    optimizer: str | None
    plain_sgd: bool
    reduction: str
    layers: tuple[str, ...]
    parameters: Mapping[str, Tensor]
    initial: Mapping[str, Tensor]
    update: Mapping[str, Tensor] | None
    details: Mapping[str, Any]
    ranks: int = 1

    @cached_property
    def sq_update_norms(self) -> Tensor:
        """‖s‖² of each parameter in the order of ``update``, float64 on the host, shape [P]."""
        return squared_norms((self.update or {}).values())
