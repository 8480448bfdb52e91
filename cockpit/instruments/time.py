"""Time per step and what tracking adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.numbers import format_number
from cockpit.instruments.panel import Axis
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.scales import choose_axis

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


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
    """Milliseconds per step, and the overhead of tracking."""
    step, milliseconds = step_times(log)
    overhead = log.overhead
    curves = [Curve(step, milliseconds, "time per step")]
    percent = 100 * overhead.value
    curves.append(Curve(overhead.step, percent, "tracking", "secondary", secondary_y=True))
    if len(step) == 0:
        curves = [Curve(overhead.step, percent, "tracking", "secondary")]
    texts = []
    if len(step) and (now := value_at(step, milliseconds, view.step)) is not None:
        texts.append(f"{format_number(now)} ms")
    if (share := value_at(overhead.step, percent, view.step)) is not None:
        texts.append(f"+{format_number(share, 2)} %")
    axis2 = choose_axis("tracking adds [%]", percent) if len(overhead.step) else None
    if axis2 is not None and axis2.scale == "linear":
        finite = percent[np.isfinite(percent)]
        axis2 = Axis(axis2.label, range=(0.0, 1.1 * float(finite.max(initial=1.0))))
    return history_panel(
        log, view, curves, label="ms" if len(step) else "tracking adds [%]",
        axis2=axis2 if len(step) else None, current=" · ".join(texts),
    )  # fmt: skip


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
