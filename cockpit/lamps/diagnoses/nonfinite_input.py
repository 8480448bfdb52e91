"""NaN or ±Inf among the inputs of the model."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, STAYS, Reading, lamp


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
    inhibits=(
        "nonfinite_loss",
        "nonfinite_gradient",
        "constant_features",
        "duplicated_features",
        "constant_output",
        STATISTICAL,
    ),
)
def nonfinite_input(course: Course) -> Reading | None:
    """One bad record makes the loss of its batch NaN, and with the next update every weight.

    Looking at the inputs themselves tells this apart from a step that was too long, which makes
    the same NaN out of good inputs. The lamp stays lit as long as the loss is no number: later
    batches may be good, the weights are not. Where loss and gradient are numbers nevertheless, the
    model may well expect such inputs (gaps that it masks): that is an advisory.
    """
    bad = course.fact("inputs.nonfinite")
    if bad is None:
        return None
    now = course.now
    results = [now.values[name] for name in ("Loss", "GradNorm") if name in now.values]
    is_harmless = len(results) == 2 and all(map(math.isfinite, results))
    is_lost = not math.isfinite(now.values.get("Loss", 0.0))
    return Reading(
        2.0 if bad else STAYS if is_lost else 0.0,
        f"{bad} elements of the batch at step {now.step} are NaN or ±Inf (expected: none).",
        {"nonfinite": bad},
        level="advisory" if is_harmless and not course.fact("loss.nonfinite") else None,
    )
