"""Units that no sample of a batch can move."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import left
from cockpit.lamps.units import any_units, unit_shares

WINDOW = 4  # tracked steps
MOST, HALF = 0.9, 0.5  # prototype: healthy at most 0.31
LOST, HIGH = 0.7, 0.3  # of the first loss: a fitted network has gradients of exactly 0, too
SAMPLES = 8  # in the batch: with fewer, a unit may easily be unused


@lamp(
    title="Dead units",
    level="caution",
    group="model",
    kind="statistical",
    needs=("Loss",),
    means="Most units of a layer get a gradient of exactly zero from every sample: they cannot "
    "learn, and never come back by themselves.",
    do="Lower the learning rate, initialize biases with 0, or use a leaky activation; then begin "
    "again.",
    source="Maas et al. (2013); Lu et al. (2019); thresholds: our own measurements",
    sustain=3,
    inhibits=("batch_too_small", "learning_rate_too_small", "vanishing_gradients", "wrong_labels"),
    unfit=lambda course: (
        ""
        if any_units(course, "dead")
        else "the output gradients of layers are not tracked in this run"
    ),
)
def dead_units(course: Course) -> Reading | None:
    """A unit that no sample can move stays as it is.

    What counts is the share of a layer's units (or channels) whose output gradient is exactly zero
    for every sample of the batch, and at every position: the smallest share of 4 tracked steps, as
    a small batch leaves units unused by chance. The last layer does not count.

    Over 90 % in a layer is a warning if the loss is still above 0.7 of its first value, over 50 % a
    caution if it is above 0.3; a network that has fitted its data has gradients of zero as well,
    and lacks nothing.
    """
    shares, loss = unit_shares(course, "dead", WINDOW), left(course)
    if loss is None or len(shares) < 2 or (course.now.batch_size or SAMPLES) < SAMPLES:
        return None
    hidden = dict(list(shares.items())[:-1])
    # Layers before a dead one get no gradient, either: it is the last one that is to blame.
    worst = max(hidden.values())
    name = [module for module, share in hidden.items() if share == worst][-1]
    level: Level = "advisory"
    if worst > MOST and loss >= LOST:
        level = "warning"
    elif loss >= HIGH:
        level = "caution"
    return Reading(
        above(worst, HALF),
        f"{worst:.0%} of the units of {name} (over {HALF:.0%}; {MOST:.0%}: warning) had no "
        f"gradient in any of the last {WINDOW} tracked steps, and the loss is {loss:.2f} × its "
        "first value.",
        {"share": worst, "threshold": HALF, "loss_left": loss},
        layers=(name,),
        level=level,
        suggestion=Suggestion("layers", layers=(name,)),
    )
