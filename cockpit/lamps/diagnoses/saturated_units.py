"""Sigmoids and tanhs that are pinned to their bounds."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import left
from cockpit.lamps.units import any_units, unit_shares

WINDOW = 4  # tracked steps
SHARE = 0.8  # of elements with a derivative below 5 % of its largest value: our own guess
LOST, HIGH = (
    0.9,
    0.7,
)  # of the first loss: trained networks saturate, too, and are the better for it


@lamp(
    title="Saturated activations",
    level="caution",
    group="model",
    kind="statistical",
    needs=("Loss",),
    means="Most values of a sigmoid or tanh lie where it is flat: no gradient comes through.",
    do="Scale the inputs, initialize with smaller weights (Xavier), lower the learning rate, or "
    "use another activation.",
    source="Glorot and Bengio (2010); threshold: our own",
    sustain=3,
    inhibits=("batch_too_small", "learning_rate_too_small", "vanishing_gradients", "wrong_labels"),
    unfit=lambda course: (
        "" if any_units(course, "saturated") else "no sigmoid or tanh was seen in this model"
    ),
)
def saturated_units(course: Course) -> Reading | None:
    """Where an activation is flat, no gradient comes through.

    What counts is the share of an activation's values at which its derivative is below 5 % of the
    largest one: the smallest share of 4 tracked steps is above 80 %.

    The activation behind the last layer is left out: outputs near 0 and 1 are what it is for. It is
    a warning if the loss is not below 0.9 of its first value, a caution above 0.7: later on,
    saturated units may be sure of their case.
    """
    shares, loss = unit_shares(course, "saturated", WINDOW), left(course)
    layers = course.header.get("layers") or [{}]
    shares.pop(layers[-1].get("module", ""), None)
    if loss is None or not shares:
        return None
    name = max(shares, key=lambda module: shares[module])
    level: Level = "warning" if loss >= LOST else "caution" if loss >= HIGH else "advisory"
    return Reading(
        above(shares[name], SHARE),
        f"{shares[name]:.0%} of the values behind {name} are saturated (over {SHARE:.0%}) in each "
        f"of the last {WINDOW} tracked steps, and the loss is {loss:.2f} × its first value.",
        {"share": shares[name], "threshold": SHARE, "loss_left": loss},
        layers=(name,),
        level=level,
        suggestion=Suggestion("layers", layers=(name,)),
    )
