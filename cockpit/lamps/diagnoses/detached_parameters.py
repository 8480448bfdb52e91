"""Parameters that the backward pass does not reach."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import MOST_NAMES, Reading, lamp
from cockpit.lamps.network import network

STEPS = 5  # tracked, in a row, from the first one on
LATER = 16  # of parameters that had a gradient before
SHARE = 0.01  # of the trainable elements: below, it is a detail
NAMED = 5


@lamp(
    title="Parameters without a gradient",
    level="caution",
    group="model",
    kind="exact",
    needs=("model.without_grad",),
    means="Parameters that shall be trained get no gradient: the loss does not depend on them.",
    do="Look between these layers and the loss for a detach(), a no_grad(), .item() or numpy(), or "
    "for a part of the model that is not used; freeze on purpose with requires_grad_(False).",
    source="our own",
    inhibits=("update_ratio", "learning_rate_too_small", "vanishing_gradients", "wrong_labels",
              "converged", "frozen_layers"),
)  # fmt: skip
def detached_parameters(course: Course) -> Reading | None:
    """The same parameters had no gradient at any tracked step so far, for five steps or more.

    Those that had one before count if they have been without for 16 tracked steps: layers that are
    left out at random, experts and heads that take turns have one now and then. Parameters that no
    optimizer has either are left to ``optimizer_without_parameters``. Less than 1 % of the model's
    elements is an advisory (a pooling layer that the task does not use). It may be meant where a
    frozen trunk runs under ``no_grad``; then it is better to say so with ``requires_grad_(False)``.
    """
    lists = course.last_facts("model.without_grad", STEPS)
    if "model.without_grad" not in course.now.facts or len(lists) < STEPS:
        return None
    common = set.intersection(*map(set, lists)) - {*course.fact("optimizer.without", ())}
    common = _lasting(course, common)
    names = tuple(name for name in lists[-1] if name in common)
    share = network(course).share_of(names)
    which = f": {', '.join(names[:NAMED])}" if names else ""
    return Reading(
        2.0 if names else 0.0,
        f"{len(names)} parameters with {share:.2%} of the elements had no gradient in the last "
        f"{STEPS} tracked steps (expected: none){which}.",
        {"parameters": len(names), "share": share},
        layers=names,
        level="advisory" if share < SHARE and len(names) < MOST_NAMES else None,
    )


def _lasting(course: Course, names: set[str]) -> set[str]:
    """Those that never had a gradient, or none for long."""
    if not names:
        return names
    long = course.last_facts("model.without_grad", LATER)
    lacking = names.intersection(*long) if len(long) >= LATER else set()
    found = (step.facts.get("model.without_grad") for step in (*course.first, *course.steps))
    # A list that is full may be cut off: who is not on it may be without a gradient all the same.
    whole = [listed for listed in found if listed is not None and len(listed) < MOST_NAMES]
    return lacking | names.intersection(*whole)
