"""How long an experiment may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """A form of the gallery: all of it, a quick one, or a tiny one for the tests.

    Attributes:
        name: ``full``, ``quick`` or ``tiny``.
    """

    name: str

    def pick(self, *, full: T, quick: T, tiny: T) -> T:
        """What goes with this form, e.g. a number of steps or seeds."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.name]


FULL, QUICK, TINY = Effort("full"), Effort("quick"), Effort("tiny")
EFFORTS = {effort.name: effort for effort in (FULL, QUICK, TINY)}
