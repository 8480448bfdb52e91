"""An optimizer that changes something other than the model."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import MOST_NAMES, Level, Reading, lamp
from cockpit.lamps.network import are_moved, network

MOST = 0.5  # of the model


@lamp(
    title="An optimizer of something else",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("optimizer.foreign", "optimizer.without"),
    means="The optimizer has parameters that are not the model's, and lacks some that are.",
    do="Make the optimizer after the model (and after replacing or copying parts of it), from this "
    "model's parameters().",
    source="our own",
    inhibits=("optimizer_without_parameters", "gradients_not_zeroed", "update_ratio",
              "learning_rate_too_small", "wrong_labels", "converged"),
)  # fmt: skip
def foreign_parameters(course: Course) -> Reading | None:
    """Parameters in the optimizer's groups that are not found in the model that Cockpit watches.

    Where it lacks most of the model's own, it belongs to another copy of the model: a warning.
    Where it lacks some, layers were replaced after it was made: a caution. Where it lacks none, it
    trains a second model, or parameters of the loss, along with this one: an advisory. So it is
    where the model's weights move all the same: the optimizer has copies of them in full precision.
    """
    foreign, without = course.fact("optimizer.foreign"), course.fact("optimizer.without")
    if foreign is None or without is None:
        return None
    share = network(course).share_of(without) if without else 0.0
    is_most = share > MOST or len(without) >= MOST_NAMES
    level: Level = "warning" if is_most else "caution" if without else "advisory"
    if are_moved(course, without):
        level = "advisory"
    return Reading(
        2.0 if foreign else 0.0,
        f"{foreign} parameters of the optimizer are not the model's (expected: none), and it lacks "
        f"{len(without)} of the model's, {share:.1%} of the trainable elements.",
        {"foreign": foreign, "without": len(without), "share": share},
        layers=tuple(without),
        level=level,
    )
