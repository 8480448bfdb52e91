"""Evaluations that no longer get better."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, Suggestion, below, lamp
from cockpit.lamps.validation import evaluations, no_evaluations

GAIN = 0.01  # of the best value: prototype
ROW = 5  # evaluations: prototype
LEARNED = 0.9  # of the first evaluation: above, nothing has been learned that could converge


@lamp(
    title="No further gain",
    level="advisory",
    group="steps",
    kind="statistical",
    needs=("Loss",),
    means="The last five evaluations brought next to nothing.",
    do="Lower the learning rate once more, or stop here.",
    source="Prechelt (1998); thresholds: our own measurements",
    unfit=no_evaluations,
)
def converged(course: Course) -> Reading | None:
    """The best of the last five evaluations is less than 1 % better than the best one before.

    A score (accuracy) counts by what it lacks. If the best is not below 0.9 of the first
    evaluation, the run is stuck rather than converged, and stopping is not advised.
    """
    found = evaluations(course)
    if found is None or len(found.values) <= ROW:
        return None
    values = found.values
    before, recent = float(values[:-ROW].min()), float(values[-ROW:].min())
    gain = (before - recent) / abs(before) if before else 0.0
    learned = min(before, recent) < LEARNED * values[0]
    return Reading(
        below(max(gain, 0.0), GAIN) if gain < GAIN else GAIN / gain,
        f"The last {ROW} evaluations made {found.name} {max(gain, 0.0):.1%} better (below "
        f"{GAIN:.0%}).",
        {"gain": gain, "threshold": GAIN},
        suggestion=Suggestion("stop") if learned else None,
    )
