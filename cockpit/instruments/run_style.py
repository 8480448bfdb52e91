"""How a run looks among others: its name, color and dashes."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.instruments.panel import Dashes, Role

# Without Okabe and Ito's orange and vermillion, which would look like alerts.
RUN_ROLES: tuple[Role, ...] = ("run-0", "run-1", "run-2", "run-3", "run-4")
GENERATIONS: tuple[Dashes | None, ...] = (None, "dashdot", "dot")  # of runs beyond five, beyond ten
STYLES = len(RUN_ROLES) * len(GENERATIONS)
SERIES: tuple[Dashes | None, ...] = (None, "dash", "dot", "dashdot")  # of the series of one run
SERIES_WORDS = ("solid", "dashed", "dotted", "dash-dotted")


@dataclass(frozen=True)
class RunStyle:
    """How a run is drawn in a comparison.

    Attributes:
        label: Its name, as people read it.
        color: Its place among the styles, 0 or more; beyond :data:`STYLES` they begin anew.
    """

    label: str
    color: int

    @property
    def role(self) -> Role:
        """Its color."""
        return RUN_ROLES[self.color % len(RUN_ROLES)]

    def dashes(self, series: int = 0) -> Dashes | None:
        """Dashes of one of its series; ``None``: a solid line."""
        if series == 0:
            return GENERATIONS[self.color // len(RUN_ROLES) % len(GENERATIONS)]
        return SERIES[series % len(SERIES)]
