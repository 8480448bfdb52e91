"""A validation loss that rises while the training loss falls."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import median_loss
from cockpit.lamps.validation import evaluations, no_evaluations

RISE = 1.2  # of the best validation loss: prototype
GAP = 0.5  # of the validation loss: the training loss is below; prototype
ROW = 2  # evaluations in a row
FEW = 4  # evaluations


@lamp(
    title="Overfitting",
    level="caution",
    group="data",
    kind="statistical",
    needs=("Loss",),
    means="The model gets better on the data it trains with, and worse on others.",
    do="Stop and take the model of the best evaluation; or get more data, augment them, "
    "regularize.",
    source="Prechelt (1998), generalization loss; thresholds: our own measurements",
    sustain=2,
    unfit=no_evaluations,
)
def overfitting(course: Course) -> Reading | None:
    """The validation loss has been better, and the training loss leaves it behind.

    The last two validation losses are above 1.2 times the best one before, and the training loss
    (median of the last 8 tracked steps) is below half of the validation loss.

    From four evaluations on. A single bad evaluation is not enough, and neither is a validation
    loss that is high from the beginning: that is another kind of data, or of computing it.
    """
    found, train = evaluations(course), median_loss(course)
    if found is None or train is None or not found.is_loss or len(found.values) < FEW:
        return None
    best, recent = found.values[:-ROW].min(), found.values[-ROW:].min()
    if best <= 0:
        return None
    rise, gap = float(recent / best), float(train / found.values[-1])
    when = found.steps[:-ROW][found.values[:-ROW].argmin()]
    return Reading(
        above(rise, RISE) if gap < GAP else 0.0,
        f"{found.name} has been at least {rise:.2f} × its best value (over {RISE}) for {ROW} "
        f"evaluations; the best was at step {when:.0f}. The training loss is {gap:.2f} × of it "
        f"(below {GAP}).",
        {"rise": rise, "threshold": RISE, "gap": gap, "best_step": float(when)},
        suggestion=Suggestion("stop"),
    )
