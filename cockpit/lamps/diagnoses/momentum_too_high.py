"""Momentum that remembers too much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp

MEMORY = 150.0  # steps; 0.9 has 10, 0.99 has 100


@lamp(
    title="Momentum too high",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=(),
    means="Steps are an average of gradients over hundreds of steps: they go on where the loss has "
    "long turned.",
    do="Use 0.9 (up to 0.99 for long runs with small steps); with SGD the steps become shorter by "
    "the same factor, so the learning rate may have to grow.",
    source="Sutskever et al. (2013), On the importance of initialization and momentum",
    sustain=2,
    inhibits=("oscillation", "learning_rate_too_large", "diverged", "edge_of_stability",
              "update_ratio", "exploding_gradients"),
)  # fmt: skip
def momentum_too_high(course: Course) -> Reading | None:
    """A coefficient m averages over 1/(1 − m) steps; 150 are too many.

    It is read from the settings of the optimizer when the run began: ``momentum``, or the first of
    ``betas``. 0.99 is dark. Very long runs with small steps can bear more.
    """
    found = [m for m in map(_momentum, course.groups) if m is not None]
    if not found:
        return None
    largest = max(found)
    memory = 1 / (1 - largest) if largest < 1 else math.inf
    return Reading(
        above(memory, MEMORY),
        f"The coefficient of momentum is {largest:g}: steps are averages over {memory:.0f} "
        f"gradients (over {MEMORY:.0f}; 0.9 has 10).",
        {"momentum": largest, "memory": memory, "threshold": MEMORY},
        level="warning" if largest >= 1 else None,
        suggestion=Suggestion("momentum", value=0.9),
    )


def _momentum(group: Mapping[str, Any]) -> float | None:
    betas, own = group.get("betas"), group.get("momentum")
    if isinstance(betas, list | tuple) and betas:
        own = betas[0]
    return float(own) if isinstance(own, int | float) else None
