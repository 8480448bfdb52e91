"""Training that waits for its data."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.statistics import WINDOW, fact_series, median

SHARE = 0.5  # of the time between two optimizer steps


@lamp(
    title="Waiting for data",
    level="advisory",
    group="data",
    kind="statistical",
    needs=("time.waiting",),
    means="More than half of the time of a step goes by before the model sees the batch.",
    do="Load in parallel (DataLoader(num_workers=…)), prepare data once, or keep it on the device.",
    source="our own",
    sustain=5,
)
def loader_bound(course: Course) -> Reading | None:
    """The model waits for its batches.

    What counts is the share of the time since the optimizer's last step that passed before the
    model's forward pass began: the median of 8 tracked steps. The first batch of an epoch is often
    slow; a median does not mind. It costs time only, so it is never more than something to know.
    """
    share = median(fact_series(course, "time.waiting", WINDOW), WINDOW // 2)
    if math.isnan(share):
        return None
    return Reading(
        above(share, SHARE),
        f"{share:.0%} of the time of a step is waiting for the batch (over {SHARE:.0%}), in the "
        f"median of the last {WINDOW} tracked steps.",
        {"waiting": share, "threshold": SHARE},
    )
