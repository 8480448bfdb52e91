"""Learning rate of each parameter group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.history import Curve, current_text, history_panel, series_style
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog

MAX_GROUPS = 8


@instrument(
    name="learning_rate",
    title="Learning rate",
    group="performance",
    order=30,
    needs=(),
    help=Help(
        shows="The learning rate of each parameter group of the optimizer.",
        good="It is the schedule that was meant.",
        bad="It drops to nothing long before the loss has settled, or never changes although a "
        "schedule was set up.",
        do="Check that scheduler.step() is called, and how often. See the step-size instruments "
        "for whether the rate suits the loss.",
        source="Thesis section 7.3.3.",
    ),
)
def learning_rate(log: RunLog, view: View) -> Panel | None:
    """One line per parameter group; equal groups are drawn once."""
    steps, rates = log.lr
    if len(steps) == 0:
        return None
    distinct: dict[bytes, list[int]] = {}
    for group in range(rates.shape[1]):
        distinct.setdefault(rates[:, group].tobytes(), []).append(group)
    curves = []
    for place, groups in enumerate(list(distinct.values())[:MAX_GROUPS]):
        role, dash = series_style(place)
        label = "" if len(distinct) == 1 else f"group {', '.join(str(g) for g in groups)}"
        curves.append(Curve(steps, rates[:, groups[0]], label, role, dash, smoothed=False))
    optimizer = (log.header.get("optimizer") or {}).get("name", "")
    return history_panel(
        log, view, curves, label="η", note=optimizer, current=current_text(curves[:3], view)
    )
