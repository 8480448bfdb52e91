"""Units that no sample of a batch can move."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, Suggestion, above, lamp
from cockpit.lamps.network import network
from cockpit.lamps.statistics import left
from cockpit.lamps.units import any_units, unit_shares

WINDOW = 4  # tracked steps
MANY, MOST = 0.7, 0.9  # of the units: a caution, a warning
BY_CHANCE, DEVIATIONS = 0.5, 3.0  # of the units that start dead; how far a layer may be above
HIGH = 0.7  # of the first loss: healthy runs that learn may have many dead units
STILL = 0.9  # of the first loss, in wide layers
PATIENCE = 20  # tracked steps, for units that died: then the learning rate has its say first
SAMPLES = 8  # in the batch: with fewer, a unit may easily be unused
WIDE = 4  # units for each sample: in wider layers, sparse ones may be meant
BLOCKED = 1.0


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
    inhibits=("batch_too_small", "constant_output", "learning_rate_too_small",
              "vanishing_gradients", "wrong_labels"),
    unfit=lambda course: (
        ""
        if any_units(course, "dead")
        else "the output gradients of layers are not tracked in this run"
    ),
)  # fmt: skip
def dead_units(course: Course) -> Reading | None:
    """A unit that no sample can move stays as it is.

    What counts is the share of a layer's units (or channels) whose output gradient is exactly zero
    for every sample of the batch, and at every position: the smallest share of 4 tracked steps, as
    a small batch leaves units unused by chance. The last layer does not count; if all of it is
    dead, no gradient comes from the loss or from what cuts the outputs off, and that is not told
    here.

    Half of the units may be dead in a healthy network: deep in one with torch's initialization,
    all samples look alike before training, and a unit is on or off for all of them. Healthy runs
    had up to 0.54 in layers of 48 units at first, and 0.62 in one of 16 channels while they learned
    well; with 0.75 to 0.85 dead from the start networks learn, only less. So it takes more than
    0.7, and more than three standard deviations above one half (0.77 of 32 units, 0.88 of 16),
    while the loss is still above 0.7 of its first value: a caution; over 0.9: a warning. Below 0.7
    it is something to know if they were dead from the start, and nothing if they died since:
    trained networks are sparse. Units that died count from the 20th tracked step on. So do layers
    of more than 4 units for each sample of the batch, and only while the loss is above 0.9 of its
    first value: a batch does not use all features of a sparse code (seen: 0.75 of 1,024, of which
    each sample takes 8, in an autoencoder that learned well).

    A layer that is dead in full (share exactly 1) blocks all that lies before it. If it was so from
    the first tracked step on, and a hidden layer behind it is alive, it takes only 3 steps, and is
    the reason for constant outputs. The last hidden layer gets no gradient from features that are
    set to zero behind it, either; there ``constant_output`` has the first word.
    """
    shares = unit_shares(course, "dead", min(WINDOW, course.count))
    if len(shares) < 2 or (course.now.batch_size or SAMPLES) < SAMPLES:
        return None
    *layers, (_, outputs) = shares.items()
    if outputs == BLOCKED:
        return None
    hidden, loss = dict(layers), left(course)
    name = _worst(course, hidden)
    share, was = hidden[name], float(course.first[0].facts.get(f"units.{name}.dead", 0.0))
    threshold = _most(course, name)
    is_born = min(share, was) >= threshold
    is_wide = _is_wide(course, name)
    is_blocked = share == was == BLOCKED and name != layers[-1][0]
    early = WINDOW if is_born and not is_wide else PATIENCE
    if not is_blocked and course.count < early:
        return None
    loss = 1.0 if loss is None else loss
    if loss < (STILL if is_wide else HIGH) and (is_wide or not is_born):
        share = 0.0
    level: Level = "advisory" if loss < HIGH else "warning" if share > MOST else "caution"
    return Reading(
        above(share, threshold),
        f"{share:.0%} of the units of {name} (from {threshold:.0%} on; over {MOST:.0%}: warning) "
        f"had no gradient in any of the last {WINDOW} tracked steps, and the loss is {loss:.3g} × "
        "its first value.",
        {"share": share, "threshold": threshold, "loss_left": loss},
        layers=(name,),
        level=level,
        suggestion=Suggestion("layers", layers=(name,)),
    )


def _worst(course: Course, hidden: dict[str, float]) -> str:
    """The layer to blame: those before a dead one get no gradient, either."""
    blocked = [module for module, share in hidden.items() if share == BLOCKED]
    if blocked:
        return blocked[-1]
    return max(reversed(hidden), key=lambda module: above(hidden[module], _most(course, module)))


def _is_wide(course: Course, module: str) -> bool:
    units, *_ = network(course).weight_of(module) or (0,)
    return units > WIDE * (course.now.batch_size or SAMPLES)


def _most(course: Course, module: str) -> float:
    """From what share on the dead units of a layer are more than chance would have it; 1: all."""
    shape = network(course).weight_of(module)
    scatter = math.sqrt(BY_CHANCE * (1 - BY_CHANCE) / max(shape[0], 1)) if shape else 0.0
    return min(max(MANY, BY_CHANCE + DEVIATIONS * scatter), BLOCKED)
