"""The parameters themselves."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from cockpit.backward.stats import BackwardStats
from cockpit.linalg import widened
from cockpit.log.record import Arrays
from cockpit.quantities.base import Quantity
from cockpit.step import StepInfo

__all__ = ["Parameters"]


class Parameters(Quantity):
    """All parameter values θ(t), flattened, one array for each named parameter.

    Large: D numbers for each record, two for each complex one. Meant for toy problems.
    Reference: thesis table C.1.
    """

    kind: ClassVar[Literal["arrays"]] = "arrays"

    def compute(self, info: StepInfo, stats: BackwardStats) -> Arrays:
        """The parameters at this step, before the update."""
        return Arrays(tuple(_array(info.parameters.get(name)) for name in info.layers))


def _array(parameter: Tensor | None) -> np.ndarray | None:
    return None if parameter is None else widened(parameter).flatten().cpu().numpy()
