"""A gradient that is NaN or ±Inf, although the loss is a number."""

from __future__ import annotations

import itertools
import math

import numpy as np

from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import STATISTICAL, STAYS, Reading, lamp
from cockpit.lamps.statistics import has_grown

SKIPPED = 8  # steps in a row that a scaler may skip while it looks for its scale
NAMED = 5


@lamp(
    title="A gradient that is no number",
    level="warning",
    group="model",
    kind="exact",
    needs=("GradNorm", "Loss"),
    means="The loss is a number, but its gradient is NaN or ±Inf: the next step ruins the weights.",
    do="Look for functions without a derivative where they are used (a root or a norm at 0, a "
    "logarithm of 0, 0/0 under torch.where) and add a small number inside.",
    source="our own; torch.autograd.set_detect_anomaly(True) finds the operation",
    inhibits=("nonfinite_loss", "diverged", "constant_output", STATISTICAL),
)
def nonfinite_gradient(course: Course) -> Reading | None:
    """√x is 0 at 0, and its derivative infinite: the loss looks well, the step after it does not.

    Told apart from a diverging run by the loss, which is finite and not above three times its
    start; and from mixed precision, whose scaler begins with a factor that is too large and skips
    the first steps, by the update: one that was skipped does no harm unless 8 are in a row.
    """
    now = course.now
    norm, loss = now.values.get("GradNorm"), now.values.get("Loss", math.nan)
    if norm is None or not math.isfinite(loss):
        return None
    named = _layers(course) if not math.isfinite(norm) else ()
    where = f", first of all in {', '.join(named)}" if named else ""
    return Reading(
        0.0 if math.isfinite(norm) else _severity(course),
        f"The gradient at step {now.step} has norm {norm:.4g}{where}; the loss is {loss:.4g}.",
        {"gradient_norm": norm, "loss": loss},
        layers=named,
    )


def _severity(course: Course) -> float:
    if has_grown(course):
        return STAYS
    if not _is_skipped(course.now):
        return 2.0
    in_a_row = sum(1 for _ in itertools.takewhile(_is_bad, reversed(course.steps)))
    return in_a_row / SKIPPED


def _is_bad(step: StepView) -> bool:
    return not math.isfinite(step.values.get("GradNorm", 0.0))


def _is_skipped(step: StepView) -> bool:
    return step.notes.get("UpdateSize", {}).get("moved") is False


def _layers(course: Course) -> tuple[str, ...]:
    """Those whose gradient is no number; a frozen one has none, which is not the same."""
    norms = course.now.layers.get("GradNorm", np.empty(0))
    without = {*course.fact("model.frozen", ()), *course.fact("model.without_grad", ())}
    bad = (n for n, x in zip(course.layer_names, norms, strict=False) if not math.isfinite(x))
    return tuple(itertools.islice((name for name in bad if name not in without), NAMED))
