"""Learning rates over a run: factors at a share of it, 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable

Course = Callable[[float], float]
WARM_UP = 0.1  # of the run


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
