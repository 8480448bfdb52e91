"""Sigmoids and tanhs that are pinned to their bounds."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.losses import untrained_loss
from cockpit.lamps.network import network
from cockpit.lamps.statistics import first_loss, left
from cockpit.lamps.units import any_units, unit_shares

WINDOW = 4  # tracked steps
SHARE = 0.8  # of elements with a derivative below 5 % of its largest value: our own guess
AT_START = 0.5  # of them, before anything was learned; healthy: 0.00
USUAL = 0.5  # of the hidden layers, for that: a single tanh may be meant as a switch
LOST, HIGH = (
    0.9,
    0.7,
)  # of the first loss: trained networks saturate, too, and are the better for it
GROWN = 1.5  # times the first loss
PATIENCE = 20  # tracked steps, if they saturated since: then the learning rate has its say first


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
    largest one: the smallest share of 4 tracked steps. The activation behind the last layer is left
    out: outputs near 0 and 1 are what it is for.

    Tanh layers as torch initializes them start with a share of 0.00, and reach 0.1 to 0.3 as they
    learn. Where it was above 50 % at the first tracked step already (weights ten times too large:
    0.6 to 0.7, fifty times: 0.94), behind half of the hidden layers or more, it is a caution
    whatever the last layer makes of it; but not for a model whose first loss is well below that of
    guessing: that one is trained.

    Else it takes 80 %. Is the loss not below 0.9 of its first value, it is a warning; above 0.7,
    a caution; below, something to know: later on, saturated units may be sure of their case. What
    has saturated since the start counts from the 20th tracked step on, and not where the loss has
    grown beyond 1.5 times its start: there, steps that are too long are the cause.
    """
    shares, loss = unit_shares(course, "saturated", WINDOW), left(course)
    layers = course.header.get("layers") or [{}]
    shares.pop(layers[-1].get("module", ""), None)
    if loss is None or not shares:
        return None
    name = max(shares, key=lambda module: shares[module])
    was = float(course.first[0].facts.get(f"units.{name}.saturated", 0.0))
    is_born = was > AT_START and _is_untrained(course) and _are_usual(course, len(shares))
    if not is_born and was <= SHARE and (course.count < PATIENCE or loss > GROWN):
        return None
    threshold = AT_START if is_born else SHARE
    level: Level = "warning" if loss >= LOST else "caution" if loss >= HIGH else "advisory"
    if is_born:
        level = "warning" if loss >= LOST and shares[name] > SHARE else "caution"
    return Reading(
        above(shares[name], threshold),
        f"{shares[name]:.0%} of the values behind {name} are saturated (over {threshold:.0%}) in "
        f"each of the last {WINDOW} tracked steps, {was:.0%} at first, and the loss is {loss:.2f} "
        "× its first value.",
        {"share": shares[name], "first": was, "threshold": threshold, "loss_left": loss},
        layers=(name,),
        level=level,
        suggestion=Suggestion("layers", layers=(name,)),
    )


def _is_untrained(course: Course) -> bool:
    """Whether the first loss was about that of guessing, or above; if known."""
    first, untrained = first_loss(course), untrained_loss(course)
    return bool(first and untrained and first >= HIGH * untrained)


def _are_usual(course: Course, found: int) -> bool:
    """Whether activations like these are behind most hidden layers."""
    return found >= USUAL * (len(network(course).weights) - 1)
