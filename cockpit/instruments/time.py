"""Time per step and what tracking adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.scales import choose_axis, median

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog

TOWERING = 8.0  # times the median


@instrument(
    name="time",
    title="Time per step",
    group="performance",
    order=50,
    needs=("Time",),
    help=Help(
        shows="Wall-clock time per step between tracked steps (left axis), and the time that "
        "tracking adds, in percent of the plain step (right axis).",
        good="Flat. Tracking adds less than 100 %, that is less than a plain step.",
        bad="Steps become slower: something accumulates, or the data loader cannot keep up. "
        "Tracking dominates.",
        do="Track less often, for example schedule=linear(10), or choose a cheaper configuration. "
        "Slow steps without tracking: profile the data loader.",
        source="Thesis section 7.5.",
    ),
)
def time(log: RunLog, view: View) -> Panel | None:
    """Milliseconds per step, and the overhead of tracking on a second axis."""
    step, milliseconds = step_times(log)
    overhead = log.overhead
    known = np.isfinite(overhead.value)  # unknown where the plain step took no time at all
    tracked, percent = overhead.step[known], 100 * overhead.value[known]
    plain = Curve(step, milliseconds, "time per step")
    tracking = Curve(tracked, percent, "tracking", "secondary", secondary_y=len(step) > 0)
    left = from_zero("ms per step", milliseconds, room=1.15)
    right = from_zero("tracking adds [%]", percent, room=1.6)
    texts = []
    if (now := value_at(step, milliseconds, view.step)) is not None:
        texts.append(f"{format_number(now)} ms")
    if (share := value_at(tracked, percent, view.step)) is not None:
        texts.append(f"+{format_number(share, 2)} %")
    return history_panel(
        log, view, [plain, tracking], axis=left if len(step) else right,
        axis2=right if len(step) and len(percent) else None, current=" · ".join(texts),
    )  # fmt: skip


def from_zero(label: str, values: np.ndarray, room: float) -> Axis:
    """An axis from zero to ``room`` times the largest value, unless single values tower above."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Axis(label)
    highest = float(finite.max())
    if highest / TOWERING > median(finite) or highest <= 0:
        return choose_axis(label, finite)
    return Axis(label, range=(0.0, room * highest))


def step_times(log: RunLog) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds per step, from the clock at consecutive tracked steps.

    Returns:
        Steps (the later one of each pair) and times. Where the clock went backwards (a resumed
        run) there is no time: the pair is left out.
    """
    if "Time" not in log.quantities:
        return np.empty(0, dtype=np.int64), np.empty(0)
    series = log.series("Time")
    seconds, steps = np.diff(series.value), np.diff(series.step)
    forward = seconds >= 0
    return series.step[1:][forward], 1000 * seconds[forward] / steps[forward]
