"""NaN or ±Inf among the inputs of the model."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, Reading, lamp


@lamp(
    title="Inputs that are no numbers",
    level="warning",
    group="data",
    kind="exact",
    needs=("inputs.nonfinite",),
    means="The batch contains NaN or ±Inf before the model has computed anything.",
    do="Find the records and repair or drop them (np.isfinite over the data set); one is enough to "
    "make the loss and all weights NaN.",
    source="bad records: AUTOTRAINER's exploding case has this cause among others",
    inhibits=("nonfinite_loss", "nonfinite_gradient", STATISTICAL),
)
def nonfinite_input(course: Course) -> Reading | None:
    """One bad record makes the loss of its batch NaN, and with the next update every weight.

    Looking at the inputs themselves tells this apart from a step that was too long, which makes
    the same NaN out of good inputs.
    """
    bad = course.fact("inputs.nonfinite")
    if bad is None:
        return None
    return Reading(
        2.0 if bad else 0.0,
        f"{bad} elements of the batch at step {course.now.step} are NaN or ±Inf (expected: none).",
        {"nonfinite": bad},
    )
