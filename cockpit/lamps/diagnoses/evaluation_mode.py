"""A model that is trained in evaluation mode."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, lamp

NAMED = 5


@lamp(
    title="Evaluation mode in training",
    level="warning",
    group="model",
    kind="exact",
    needs=("model.training", "model.evaluating"),
    means="The model is trained in evaluation mode: dropout does nothing, and BatchNorm uses "
    "statistics that nothing updates.",
    do="Call model.train() at the start of each epoch, and again after each evaluation.",
    source="our own; a forgotten model.train() after validation is a usual slip",
    sustain=2,
    inhibits=("overfitting", "learning_rate_too_large", "diverged", "exploding_gradients",
              "saturated_units", "dead_units"),
)  # fmt: skip
def evaluation_mode(course: Course) -> Reading | None:
    """``model.training`` is off, and there is a module to which it matters.

    Without BatchNorm only dropout is missing: a caution. A model in training mode of which some
    modules are not was put so by someone; to leave BatchNorm as it was is usual in fine-tuning: an
    advisory. But if all were in training mode at an earlier tracked step, the part that was
    evaluated was not put back: a caution. A model without dropout and BatchNorm (as far as modules
    go) is the same in both modes.
    """
    is_training, names = course.fact("model.training"), course.fact("model.evaluating")
    if is_training is None or names is None:
        return None
    which = f": {', '.join(names[:NAMED])}" if names else ""
    mode = "training" if is_training else "evaluation"
    return Reading(
        2.0 if names else 0.0,
        f"At step {course.now.step} the model is in {mode} mode, and {len(names)} dropout and "
        f"BatchNorm modules in evaluation mode (expected: none){which}.",
        {"evaluating": len(names), "training": bool(is_training)},
        layers=tuple(names),
        level=_level(course, is_training),
    )


def _level(course: Course, is_training: bool) -> Level:
    if not is_training:
        return "warning" if course.fact("model.modules_bn", 0) else "caution"
    was_whole = any(
        step.facts.get("model.training") and not step.facts.get("model.evaluating", ["unknown"])
        for step in course.steps
    )
    return "caution" if was_whole else "advisory"
