"""Spacing tracked steps so that tracking costs no more than a given share of the training time.

Quantities fall into groups by what is expensive about them (individual gradients, curvature,
eigenvalues); each group has an equal part of the budget, and so a step of its own at which it is
tracked next. The distance is known in advance: untracked steps cost nothing.

Time is spent like money: training earns it, tracking pays with it. Besides, a starting capital is
there for the first minute, which is spent on steps that grow apart geometrically, as training
changes fastest at first. Both are such that tracking stays below the budget in any minute.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cockpit.backward.statistics import DiagCurvature, MaxEigenvalue, Statistic
from cockpit.quantities.base import Quantity

__all__ = ["Budget", "by_group", "checked_budget", "group_of"]

WINDOW = 60.0  # seconds over which the promise holds
CAPITAL = 0.1  # of what may be spent in a window, for the start
GROWTH = 1.15  # from one step that is paid from the capital to the next
CAREFUL = 0.88  # of the budget is spent: costs vary
GROUPS = ("gradients", "curvature", "eigenvalue")
DEAR: dict[type[Statistic], str] = {MaxEigenvalue: "eigenvalue", DiagCurvature: "curvature"}


def checked_budget(budget: float | None) -> float | None:
    """The budget, if it makes sense.

    Raises:
        ValueError: If it is not a positive share.
    """
    if budget is not None and not 0 < budget < math.inf:
        raise ValueError(
            "budget is the share of the training time that tracking may cost, 0.1 for 10 %; "
            f"got {budget!r}."
        )
    return budget


def group_of(quantity: Quantity) -> str:
    """What is expensive about a quantity: ``eigenvalue``, ``curvature`` or ``gradients``."""
    kinds = {type(request) for request in quantity.requires()}
    return next((name for kind, name in DEAR.items() if kind in kinds), GROUPS[0])


def by_group(costs: Mapping[type[Statistic], float]) -> dict[str, float]:
    """Seconds by group from seconds by kind of request."""
    return {name: costs.get(kind, 0.0) for kind, name in DEAR.items()}


@dataclass
class Account:
    """What one group may spend, in seconds.

    Attributes:
        rate: Seconds of tracking for each second of training.
        capital: What is left of the starting capital.
        due: The step at which the group is tracked next, counted from the beginning.
        savings: Earned and not spent; negative where more was spent.
        costs: Of the last times that it was tracked.
        spent: Since it was tracked last, which counts as the cost of that time.
    """

    rate: float
    capital: float
    due: int = 0
    savings: float = 0.0
    costs: deque[float] = field(default_factory=lambda: deque(maxlen=9))
    spent: float = 0.0

    def begin(self) -> None:
        """It is tracked now: what it cost the last time is known."""
        if self.spent > 0:
            self.costs.append(self.spent)
        self.spent = 0.0

    def earn(self, seconds: float, elapsed: float) -> None:
        """Training went on for so long; what is left of the capital is lost bit by bit."""
        share = CAREFUL if elapsed > WINDOW else CAREFUL - CAPITAL
        self.savings += share * self.rate * seconds
        if self.costs:  # or a long break would be followed by many tracked steps
            self.savings = min(self.savings, statistics.median(self.costs))
        left = max(0.0, 1 - elapsed / WINDOW)
        self.capital = min(self.capital, CAPITAL * self.rate * WINDOW * left)

    def pay(self, seconds: float) -> None:
        """Tracking took so long."""
        self.spent += seconds
        self.savings -= seconds
        helped = min(self.capital, max(0.0, -self.savings))
        self.capital -= helped
        self.savings += helped

    def next_step(self, step: int, plain: float, owed: float) -> int:
        """When to track again, after the present step.

        Args:
            step: The present step.
            plain: Seconds of a step of training.
            owed: What tracking at the present step has cost; not paid yet.
        """
        if plain <= 0:
            return step + 1
        cost = statistics.median([*self.costs, self.spent + owed])
        balance = self.savings - owed
        wait = max(0.0, cost - balance) / (CAREFUL * self.rate)
        # Where single steps are dear, their number in a window matters, not only the mean.
        dearest = max([*self.costs, self.spent + owed])
        number = math.floor(self.rate * WINDOW / (1 + self.rate) / dearest) if dearest > 0 else 0
        if 1 <= number <= 20:
            wait = max(wait, WINDOW / number)
        steps = max(1, math.ceil(wait / plain))
        if self.capital + min(0.0, balance) >= cost:
            steps = min(steps, max(1, math.ceil(step * (GROWTH - 1))))
        return step + steps


class Budget:
    """Says which quantities are tracked at a step.

    Args:
        share: Tracking time over training time that is allowed: 0.1 for 10 %.
        quantities: Those that it is for.
    """

    def __init__(self, share: float, quantities: Iterable[Quantity]) -> None:
        groups = sorted({group_of(q) for q in quantities}, key=GROUPS.index) or GROUPS[:1]
        rate = share / max(1, len(groups))
        self._accounts = {name: Account(rate, CAPITAL * rate * WINDOW) for name in groups}
        self._plain: deque[float] = deque(maxlen=50)
        self._elapsed = 0.0
        self._count = 0  # of the steps that are done: their numbers may begin anew, or jump

    def allows(self, quantity: Quantity, ahead: int = 0) -> bool:
        """Whether a quantity may be tracked at the present step, or so many steps ahead."""
        return self._count + ahead >= self._accounts[group_of(quantity)].due

    def begin(self, quantities: Iterable[Quantity]) -> None:
        """These are tracked at the present step."""
        for account in self._of(quantities).values():
            account.begin()

    def step_done(self, plain: float, tracking: float, parts: Mapping[str, float]) -> None:
        """A step is over.

        Args:
            plain: Its seconds without tracking.
            tracking: Its seconds of tracking.
            parts: Those of them that one group alone has caused, by group.
        """
        self._plain.append(plain)
        self._elapsed += plain + tracking
        self._count += 1
        for name, seconds in self._shared_out(tracking, parts).items():
            self._accounts[name].earn(plain, self._elapsed)
            self._accounts[name].pay(seconds)

    def plan(
        self, quantities: Iterable[Quantity], tracking: float, parts: Mapping[str, float]
    ) -> dict[str, int]:
        """When the groups that are tracked at the present step are due next.

        Args:
            quantities: What is tracked at it.
            tracking: Seconds of tracking in it so far.
            parts: As in :meth:`step_done`.
        """
        plain = statistics.median(self._plain) if self._plain else 0.0
        owed = self._shared_out(tracking, parts)
        return {
            name: account.next_step(self._count, plain, owed[name])
            for name, account in self._of(quantities).items()
        }

    def adopt(self, plan: Mapping[str, int]) -> None:
        """Follow a plan: that of the first rank, where there are several."""
        for name, step in plan.items():
            self._accounts[name].due = step

    def _of(self, quantities: Iterable[Quantity]) -> dict[str, Account]:
        return {name: self._accounts[name] for name in {group_of(q) for q in quantities}}

    def _shared_out(self, tracking: float, parts: Mapping[str, float]) -> dict[str, float]:
        """Seconds of each group; what none has caused alone is the first one's."""
        shares = {name: parts.get(name, 0.0) for name in self._accounts}
        shares[next(iter(shares))] += max(0.0, tracking - sum(shares.values()))
        return shares
