"""Which quantities are due at a step, and what these ask of the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cockpit.backward.statistics import Statistic
from cockpit.quantities.base import Quantity

__all__ = ["Agenda"]


class Agenda:
    """The quantities of a cockpit. It is asked at every step, tracked or not, so it is quick.

    A schedule that many quantities share is asked once; what they ask of a backward pass is put
    together once for each choice of them.

    Args:
        quantities: With their schedules.
    """

    def __init__(self, quantities: Sequence[Quantity]) -> None:
        self.quantities = list(quantities)
        self._sharing: dict[int, tuple[Callable[[int], bool], list[Quantity]]] = {}
        for quantity in self.quantities:
            own = type(quantity).due is not Quantity.due
            schedule = None if own else quantity.schedule
            key = id(quantity if schedule is None else schedule)
            _, members = self._sharing.setdefault(key, (schedule or quantity.due, []))
            members.append(quantity)
        self._requests: dict[tuple[tuple[int, ...], ...], frozenset[Statistic]] = {}

    def due(self, step: int) -> list[Quantity]:
        """Those that are due, in their order."""
        groups = [members for rule, members in self._sharing.values() if rule(step)]
        if len(groups) <= 1:
            return list(groups[0]) if groups else []
        chosen = {id(quantity) for members in groups for quantity in members}
        return [quantity for quantity in self.quantities if id(quantity) in chosen]

    def requests(
        self, due: Sequence[Quantity], following: Sequence[Quantity]
    ) -> frozenset[Statistic]:
        """What the backward pass of a step must yield.

        Args:
            due: Quantities that are tracked at this step.
            following: Those of the step before that wait for it.
        """
        key = tuple(map(id, due)), tuple(map(id, following))
        known = self._requests.get(key)
        if known is None:
            wanted = [q.requires() for q in due] + [q.requires_next() for q in following]
            known = self._requests[key] = frozenset().union(*wanted)
        return known

    def without(self, name: str) -> Agenda:
        """The same, less one quantity."""
        return Agenda([q for q in self.quantities if q.name != name])
