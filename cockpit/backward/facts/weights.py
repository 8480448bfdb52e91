"""Norms of the parameters, which change little from step to step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from cockpit.linalg import squared_norms

__all__ = ["WeightNorms"]

NEAR = 0.01


class WeightNorms:
    """‖θ‖ of parameters, known to 1 %.

    A norm stands until the parameter may have moved by 1 % of it, going by the lengths of its
    updates: to go through all parameters at each step would cost more than all that is made of it.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}  # ‖θ‖, and how far it has moved since
        self._versions: dict[str, int] = {}  # after the last update that is known
        self._still: set[str] = set()  # what nobody has changed since then

    def begin(self, parameters: Mapping[str, Tensor]) -> None:
        """A step begins with these parameters."""
        versions = self._versions
        self._still = {name for name, p in parameters.items() if versions.get(name) == p._version}

    def of(self, parameters: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, float]:
        """‖θ‖ before the step's update, by name.

        Args:
            parameters: θ before the update.
            names: Of those that are wanted.
        """
        close = {n for n in names if n in self._still and self._is_close(n)}
        fresh = [n for n in names if n not in close]
        squares = squared_norms(parameters[n] for n in fresh).tolist()
        self._known |= {n: (math.sqrt(s), 0.0) for n, s in zip(fresh, squares, strict=True)}
        return {name: self._known[name][0] for name in names}

    def end(self, parameters: Mapping[str, Tensor], moved: Mapping[str, float]) -> None:
        """The step is over.

        Args:
            parameters: After the update.
            moved: ‖Δθ‖ by name, of all that may be asked for.
        """
        self._versions = {name: p._version for name, p in parameters.items()}
        for name, (size, way) in self._known.items():
            self._known[name] = size, way + moved.get(name, math.inf)

    def _is_close(self, name: str) -> bool:
        size, way = self._known.get(name, (0.0, math.inf))
        return way <= NEAR * size
