"""Steps that overshoot what the batches agree on."""

from __future__ import annotations

import numpy as np

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, above, lamp
from cockpit.lamps.statistics import decreases, signals

WINDOW = 8  # tracked steps
OVERSHOOT, SHARE = -0.1, 0.05
FAR, SHARE_IF_FAR = 1.0, 0.01


@lamp(
    title="Learning rate too large",
    level="warning",
    group="steps",
    kind="statistical",
    needs=("Alpha", "NormTest", "Loss", "update.decrease"),
    means="The steps end beyond the lowest point along them, and they are long.",
    do="Divide the learning rate by 3 and see whether α falls below 0; with Adam or a transformer, "
    "begin with a warm-up.",
    source="α: thesis 7.3.3; its combination with q and s: our own measurements",
    sustain=3,
    inhibits=("oscillation", "exploding_gradients", "dead_units", "edge_of_stability"),
)
def learning_rate_too_large(course: Course) -> Reading | None:
    """α alone does not tell: healthy runs overshoot a little, and tiny steps overshoot freely.

    What is bad is to overshoot (median α of the last 8 tracked steps above −0.1) with steps that
    move the loss: q, the share of the loss that a step removes to first order, times s, the
    signal's share of the batch gradient, above 0.05. Where α is above 1, i.e. each step ends higher
    than it began, 0.01 is enough.
    """
    alpha = course.last("Alpha", WINDOW)
    moved, signal = decreases(course, WINDOW), signals(course, WINDOW)
    count = min(len(moved), len(signal))
    if len(alpha) < WINDOW // 2 or not count:
        return None
    middle = float(np.median(alpha))
    share = float(np.median(moved[-count:] * signal[-count:]))
    if not np.isfinite([middle, share]).all():
        return None
    threshold = SHARE_IF_FAR if middle > FAR else SHARE
    severity = above(max(share, 0.0), threshold) if middle > OVERSHOOT else 0.0
    return Reading(
        severity,
        f"Median α {middle:.2f} (over {OVERSHOOT}), and a step removes {share:.1%} of the loss to "
        f"first order (over {threshold:.0%}), over the last {len(alpha)} tracked steps.",
        {"alpha": middle, "share": share, "threshold": threshold},
        suggestion=Suggestion("lr", factor=1 / 3),
    )
