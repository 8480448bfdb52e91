"""Dropout that leaves next to nothing."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp

LARGE = 0.8  # 0.5 is usual, 0.7 a lot


@lamp(
    title="Extreme dropout",
    level="caution",
    group="model",
    kind="exact",
    needs=("model.dropout",),
    means="Dropout removes nearly all of a layer's outputs at each step.",
    do="Lower p; torch's p is the share that is dropped, not the share that is kept.",
    source="Srivastava et al. (2014), Dropout: 0.5 for hidden units",
    inhibits=("batch_too_small", "wrong_labels", "learning_rate_too_small", "noise_floor",
              "dead_units", "converged", "constant_output"),
)  # fmt: skip
def extreme_dropout(course: Course) -> Reading | None:
    """The largest p among the dropout modules that are in training mode is 0.8 or more.

    With p = 1 nothing passes, which is a warning. It may be meant in graph networks, where 0.8 is
    in use.
    """
    largest = course.fact("model.dropout")
    if largest is None:
        return None
    return Reading(
        above(largest, LARGE),
        f"The largest dropout probability is {largest:g} ({LARGE} or more is too much).",
        {"p": largest, "threshold": LARGE},
        level="warning" if largest >= 1 else None,
    )
