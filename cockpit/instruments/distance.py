"""Distance from the start and size of each update: is training going anywhere?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cockpit.instruments.history import Curve, history_panel
from cockpit.instruments.layer_history import chosen_layers, quantity_curves
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="distance",
    title="Distance and update size",
    group="step size",
    order=20,
    needs=("Distance", "UpdateSize"),
    help=Help(
        shows="How far the parameters are from where they began, ‖θ(t) − θ(0)‖ (left axis), and "
        "how long each step is, ‖θ(t+1) − θ(t)‖ (right axis).",
        good="The distance grows, fast at first, then slower; updates shrink with the learning "
        "rate.",
        bad="Distance flat from the start: training is stuck. Distance flat while updates stay "
        "large: the optimizer jumps back and forth between the walls of a valley.",
        do="Stuck: raise the learning rate, check the gradient norm. Jumping without progress: "
        "lower the learning rate.",
        source="Thesis section 7.2.1; Nagarajan et al. (2019), Frankle et al. (2020).",
    ),
)
def distance(log: RunLog, view: View) -> Panel | None:
    """Both on their own axes; with chosen layers the distance of each layer."""
    far, note = quantity_curves(log, view, "Distance", label="distance")
    if chosen_layers(log, view) and far:
        return history_panel(log, view, far, label="‖θ(t) − θ(0)‖", note=note)
    size, note = quantity_curves(log, view, "UpdateSize", label="update size", role="secondary")
    second: list[Curve] = [replace(c, secondary_y=bool(far)) for c in size]
    label, label2 = ("‖θ(t) − θ(0)‖", "‖θ(t+1) − θ(t)‖") if far else ("‖θ(t+1) − θ(t)‖", "")
    return history_panel(log, view, [*far, *second], label=label, label2=label2, note=note)
