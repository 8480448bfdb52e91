"""Trainable parameters that no optimizer has."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, lamp
from cockpit.lamps.network import are_moved, network

ALL = 0.999
NAMED = 5


@lamp(
    title="Parameters without an optimizer",
    level="caution",
    group="optimizer",
    kind="exact",
    needs=("optimizer.without",),
    means="Trainable parameters of the model are in no parameter group: they never change.",
    do="Give the optimizer model.parameters() after the model is complete; freeze on purpose with "
    "requires_grad_(False).",
    source="our own",
    inhibits=("gradients_not_zeroed", "update_ratio", "learning_rate_too_small", "wrong_labels",
              "converged", "detached_parameters"),
)  # fmt: skip
def optimizer_without_parameters(course: Course) -> Reading | None:
    """Parameters that require a gradient, and are in no group of any of the optimizers.

    Where they move all the same, something else trains them: an optimizer that was not given to
    Cockpit, or one that has copies of them in full precision; then it is an advisory. It is wrong
    where only the head of a pretrained model is trained without freezing the rest, which costs time
    and memory for gradients that nobody uses. If no parameter at all has an optimizer, it is a
    warning.
    """
    names = course.fact("optimizer.without")
    if names is None:
        return None
    share = network(course).share_of(names)
    which = f": {', '.join(names[:NAMED])}" if names else ""
    return Reading(
        2.0 if names else 0.0,
        f"{len(names)} parameters with {share:.2%} of the trainable elements are in no optimizer "
        f"(expected: none){which}.",
        {"parameters": len(names), "share": share},
        layers=tuple(names),
        level="advisory" if are_moved(course, names) else "warning" if share >= ALL else None,
    )
