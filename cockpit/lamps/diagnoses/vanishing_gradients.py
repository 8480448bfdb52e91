"""Gradients that do not reach the first layers."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.depth import Ends, ends
from cockpit.lamps.lamp import Level, Reading, Suggestion, below, lamp
from cockpit.lamps.losses import chance
from cockpit.lamps.statistics import WINDOW, left, median, median_loss

RATIO = 3e-3  # prototype: healthy at least 0.05, deep sigmoid 2e-6 to 7e-5
HARMED = 0.9  # of the first loss, or of that of guessing
PATIENCE = 12  # tracked steps: before, no run has learned
GROWN = 1.5  # times, in the second half of the steps: a weight that grows steadily doubles


@lamp(
    title="Vanishing gradients",
    level="warning",
    group="model",
    kind="statistical",
    needs=("GradNorm", "Loss"),
    means="The first layers get next to no gradient: they stay as they were initialized.",
    do="Use ReLU-like activations, an initialization that fits them, normalization, or residual "
    "connections.",
    source="Hochreiter (1991); Glorot and Bengio (2010); thesis 7.3.2; threshold: our own "
    "measurements",
    sustain=3,
    inhibits=("batch_too_small", "learning_rate_too_small", "update_ratio", "wrong_labels"),
)
def vanishing_gradients(course: Course) -> Reading | None:
    """On its way to the first layers the gradient has become too small to move them.

    The largest gradient norm among the first third of the weights, relative to the largest among
    the last third, is below 0.003 in the median of 8 tracked steps.

    Only thirds at both ends count, and of each the largest: single weights in between may have
    small gradients by nature (queries and keys of attention at first). Biases, norms and embeddings
    are left out, and so is what is exactly zero: that is detached, frozen or dead. A head that
    begins at zero lets little through while it grows, for long in a warm-up: nothing is said as
    long as the ratio has grown by half since the middle of the tracked steps.

    Adam can do with tiny gradients. So it is a warning only if the loss is not below 0.9 of its
    first value after 12 tracked steps, or of the loss of the best constant output, which the last
    bias finds by itself (a regression through eight sigmoids fell to 0.51 of its first loss in ten
    steps, to just the variance of its targets); and else something to know.
    """
    found, loss = ends(course, WINDOW), left(course)
    if found is None or loss is None or course.count < PATIENCE:
        return None
    began_at_zero = found.output.keys() & {*course.first_fact("model.zero_weights", ())}
    if began_at_zero and _grows(course, found):
        return None
    first, last = max(found.input.values()), max(found.output.values())
    now, guessing = median_loss(course), chance(course)
    is_guessing = bool(now and guessing and now >= HARMED * guessing)
    level: Level = "warning" if loss >= HARMED or is_guessing else "advisory"
    layers = tuple(found.input)
    return Reading(
        below(first / last, RATIO),
        f"The gradients of the first weights are {first / last:.2g} × those of the last ones "
        f"(below {RATIO:g}; {layers[0]}: {found.input[layers[0]]:.2g}), and the loss is {loss:.2f} "
        "× its first value.",
        {"ratio": first / last, "threshold": RATIO, "loss_left": loss},
        layers=layers,
        level=level,
        suggestion=Suggestion("layers", layers=layers),
    )


def _grows(course: Course, found: Ends) -> bool:
    """Whether more and more of the gradient gets through."""
    steps = [step for step in course.steps if "GradNorm" in step.layers]
    middle, half = len(steps) // 2, WINDOW // 2
    before, now = (
        median(_ratio(course, step, found) for step in some)
        for some in (steps[max(middle - half, 0) : middle], steps[-half:])
    )
    return now > GROWN * before


def _ratio(course: Course, step: StepView, found: Ends) -> float:
    norms = dict(zip(course.layer_names, step.layers["GradNorm"].tolist(), strict=True))
    last = max(norms[name] for name in found.output)
    return max(norms[name] for name in found.input) / last if last > 0 else math.nan
