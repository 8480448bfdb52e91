"""A validation loss that rises while the training loss falls."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, below, lamp
from cockpit.lamps.statistics import first_loss, median_loss
from cockpit.lamps.validation import evaluations, no_evaluations

RISE = 1.2  # of the best validation loss: prototype
GAP = 0.5  # of the validation loss: the training loss is below; prototype
ROW = 3  # evaluations in a row: running averages of BatchNorm can lag for two
FEW = 5  # evaluations
STEADY, CLIMB = 1.05, 5  # over its best value, if each of so many evaluations is above the last
SMALL = 0.04  # of the first training loss: a rise by less is of no account
APART = 0.45  # of the validation loss: healthy runs that leave so much have 0.6 and more
MUCH = 0.3  # of the first training loss is left to learn
BETTER = 0.95  # of the best validation loss before
FALLEN = 0.9  # of its first value: the validation loss has been lower
FLAT = 1.15  # largest over smallest of the last validation losses: else it does not rest


@lamp(
    title="Overfitting",
    level="caution",
    group="data",
    kind="statistical",
    needs=("Loss",),
    means="The model gets better on the data it trains with, but not on others.",
    do="Stop and take the model of the best evaluation; or get more data, augment them, "
    "regularize.",
    source="Prechelt (1998), generalization loss; thresholds: our own measurements",
    sustain=2,
    unfit=no_evaluations,
)
def overfitting(course: Course) -> Reading | None:
    """The validation loss was better, or gets no better, and the training loss leaves it behind.

    Either the last three validation losses are above 1.2 times the best one before, and the
    training loss (median of the last 8 tracked steps) is below half of the validation loss; 1.05
    times is enough if each of the last five is above the one before. A rise
    by less than 4 % of the first training loss is only something to know. Or they are no better
    than before, while more than 0.3 of the first loss is left and the training loss is below
    0.45 of that: the model has learned its samples, and nothing else.

    From five evaluations on. One or two bad evaluations are not enough, and neither is a validation
    loss that is high from the beginning: that is another kind of data, or of computing it.
    """
    found, train, begin = evaluations(course), median_loss(course), first_loss(course)
    if found is None or train is None or begin is None or begin <= 0 or not found.is_loss:
        return None
    before, recent = found.values[:-ROW], found.values[-ROW:]
    if len(found.values) < FEW or before.min() <= 0:
        return None
    best, now = float(before.min()), float(recent.min())
    gap = float(train / found.values[-1])
    climbs = bool((np.diff(found.values[-CLIMB:]) > 0).all())
    threshold = STEADY if climbs else RISE
    rise = Reading(
        above(now / best, threshold) if gap < GAP else 0.0,
        f"{found.name} has been at least {now / best:.2f} × its best value (over {threshold}) for "
        f"{ROW} evaluations; the best was at step {found.steps[before.argmin()]:.0f}. The training "
        f"loss is {gap:.2f} × of it (below {GAP}).",
        {"rise": now / best, "threshold": threshold, "gap": gap,
         "best_step": float(found.steps[before.argmin()])},
        level="advisory" if now - best < SMALL * begin else None,
        suggestion=Suggestion("stop"),
    )  # fmt: skip
    fell = best < FALLEN * found.values[0]
    rests = (
        fell and now > max(BETTER * best, recent.max() / FLAT) and float(recent[-1]) > MUCH * begin
    )
    if (rise.severity >= 1 and rise.level is None) or not rests:
        return rise
    return _apart(found.name, gap, float(recent[-1]) / begin)


def _apart(name: str, gap: float, rest: float) -> Reading:
    """A validation loss that rests far above the training loss."""
    return Reading(
        below(max(gap, 0.0), APART),
        f"The training loss is {gap:.2f} × {name} (below {APART}), which has got no better for "
        f"{ROW} evaluations and is {rest:.2f} of the first loss (over {MUCH}).",
        {"gap": gap, "threshold": APART, "left": rest},
        suggestion=Suggestion("stop"),
    )
