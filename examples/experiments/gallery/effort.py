"""How long an experiment may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """A form of the gallery: all of it, or a quick one, which the tests run, too.

    Attributes:
        name: ``full`` or ``quick``.
    """

    name: str

    def pick(self, *, full: T, quick: T) -> T:
        """What goes with this form, e.g. a number of steps or seeds."""
        return full if self.name == "full" else quick


FULL, QUICK = Effort("full"), Effort("quick")
EFFORTS = {effort.name: effort for effort in (FULL, QUICK)}
