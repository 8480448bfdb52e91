"""What can be seen of a step without any theory."""

from __future__ import annotations

from typing import ClassVar, Literal

from cockpit.backward import statistics as st
from cockpit.backward.stats import BackwardStats
from cockpit.log import record
from cockpit.quantities.base import Quantity, Tier
from cockpit.step import StepInfo

__all__ = ["Facts"]


class Facts(Quantity):
    """Exact facts of the step's batch, model and loss, by dotted name: what lamps are lit by.

    A fact that can't be had is left out. Of several backward passes of a step, facts of a forward
    pass are those of the first (the note ``parts`` says so); of several processes, all are those of
    the one that writes (``ranks``). Reference: docs/facts.md has each of them.
    """

    tier: ClassVar[Tier | None] = "economy"
    kind: ClassVar[Literal["facts"]] = "facts"

    def requires(self) -> frozenset[st.Statistic]:
        """The facts themselves, and the update for those that speak of it."""
        return frozenset({st.StepFacts(), st.Update()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> record.Facts:
        """The facts of this step."""
        return record.Facts(dict(stats.of_network(st.StepFacts())))
