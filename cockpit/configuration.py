"""Which quantities a configuration tracks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from cockpit.quantities import QUANTITIES, TIERS, Quantity, Tier
from cockpit.schedules import Schedule, as_schedule

__all__ = ["Configuration", "resolve"]


@dataclass(frozen=True)
class Configuration:
    """A tier with a schedule, and what is tracked besides.

    Args:
        tier: ``economy`` (first order), ``business`` (and diagonal curvature) or ``full`` (and
            λ_max, joint histograms); each includes the one before.
        schedule: When: a schedule, any ``int -> bool``, or an interval. A quantity in ``also`` that
            has a schedule keeps its own.
        also: Further quantities. One of the same name as a quantity of the tier takes its place.

    Raises:
        ValueError: If there is no such tier.
    """

    tier: Tier = "economy"
    schedule: Schedule | Callable[[int], bool] | int = 1
    also: Sequence[Quantity] = ()

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(
                f"config is one of {', '.join(get_args(Tier))}, a list of quantities, or a "
                f"Configuration; got {self.tier!r}."
            )

    def quantities(self) -> list[Quantity]:
        """Fresh quantities of the tier, then copies of the others."""
        limit = TIERS.index(self.tier)
        taken = {quantity.name for quantity in self.also}
        of_tier = [
            kind()
            for kind in QUANTITIES.values()
            if kind.tier is not None
            and TIERS.index(kind.tier) <= limit
            and kind.__name__ not in taken
        ]
        chosen, common = [*of_tier, *map(copy.copy, self.also)], as_schedule(self.schedule)
        for quantity in chosen:
            if quantity.schedule is None:
                quantity.schedule = common
        return chosen

    def describe(self) -> dict[str, Any]:
        """For the log's header."""
        return {"tier": self.tier, "schedule": str(as_schedule(self.schedule))}


def resolve(
    config: Tier | Configuration | Iterable[Quantity],
) -> tuple[list[Quantity], dict[str, Any]]:
    """The quantities of a configuration, and its description for the log's header.

    Quantities that were given are copied: they note what they saw, and two cockpits may be given
    the same ones.

    Raises:
        TypeError: If a list holds something else than quantities.
        ValueError: If a tier is unknown or two quantities have one name.
    """
    if isinstance(config, str):
        config = Configuration(config)
    if isinstance(config, Configuration):
        chosen, description = config.quantities(), config.describe()
    else:
        chosen, description = [copy.copy(quantity) for quantity in config], {"tier": None}
    for quantity in chosen:
        if not isinstance(quantity, Quantity):
            hint = " Make one of it: add parentheses." if isinstance(quantity, type) else ""
            raise TypeError(f"config takes quantities; got {quantity!r}.{hint}")
    names = [quantity.name for quantity in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"config holds {twice[0]} more than once; a record has one value of each name. "
            "Subclass it under another name to track two variants."
        )
    return chosen, description
