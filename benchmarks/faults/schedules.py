"""Learning rates over a run: factors at a share of it, 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable

Course = Callable[[float], float]
WARM_UP = 0.1  # of the run
ONE_CYCLE_UP = 0.3


def constant(share: float) -> float:
    """The same all the time."""
    return 1.0


def cosine(share: float) -> float:
    """From 1 to 0 (Loshchilov and Hutter, 2017)."""
    return (1 + math.cos(math.pi * share)) / 2


def warm_up(share: float) -> float:
    """Up for the first tenth of the run."""
    return min(1.0, (share + 0.005) / WARM_UP)


def warm_up_cosine(share: float) -> float:
    """Up for the first tenth of the run, then down to 0."""
    if share < WARM_UP:
        return warm_up(share)
    return cosine((share - WARM_UP) / (1 - WARM_UP))


def steps_down(share: float) -> float:
    """A tenth after 60 % of the run, and again after 85 %."""
    return 1.0 if share < 0.6 else 0.1 if share < 0.85 else 0.01


def linear(share: float) -> float:
    """From 1 to 0, in a straight line."""
    return 1 - share


def exponential(share: float) -> float:
    """From 1 to a fiftieth, by the same factor at each step."""
    return math.pow(0.02, share)


def restarts(share: float) -> float:
    """From 1 to 0 three times, each time anew (Loshchilov and Hutter, 2017)."""
    return cosine(3 * share % 1)


def trapezoid(share: float) -> float:
    """Up for a tenth of the run, level until 70 % of it, and straight down to 0."""
    return min(warm_up(share), (1 - share) / 0.3)


def quadratic(share: float) -> float:
    """From 1 to 0 by the square of what is left of the run."""
    return (1 - share) ** 2


def one_cycle(share: float) -> float:
    """From a 25th up to 1 for 30 % of the run, then down to 0 (Smith and Topin, 2019)."""
    if share < ONE_CYCLE_UP:
        return 0.04 + 0.96 * (1 - cosine(share / ONE_CYCLE_UP))
    return cosine((share - ONE_CYCLE_UP) / (1 - ONE_CYCLE_UP))
