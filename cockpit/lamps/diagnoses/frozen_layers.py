"""Parameters that are frozen."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, lamp

NAMED = 5


@lamp(
    title="Frozen parameters",
    level="advisory",
    group="model",
    kind="exact",
    needs=("model.frozen",),
    means="Some parameters have requires_grad=False, and are not trained.",
    do="Nothing, if it is meant; else call requires_grad_(True) and give them to the optimizer.",
    source="our own",
)
def frozen_layers(course: Course) -> Reading | None:
    """Usual in fine-tuning, so it is never more than an advisory: to know, not to act.

    Parameters that are to be trained and don't get a gradient are another matter
    (``detached_parameters``).
    """
    names = course.fact("model.frozen")
    if names is None:
        return None
    share = course.fact("model.frozen_share", 0.0)
    which = f": {', '.join(names[:NAMED])}" if names else ""
    return Reading(
        2.0 if names else 0.0,
        f"{share:.1%} of the model's elements are frozen{which}.",
        {"parameters": len(names), "share": share},
        layers=tuple(names),
    )
