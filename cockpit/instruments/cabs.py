"""CABS: the batch size that the gradient noise suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.notes import assumption_note, notes_at
from cockpit.instruments.numbers import format_number
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="cabs",
    title="Suggested batch size",
    group="gradients",
    order=60,
    needs=("CABS",),
    help=Help(
        shows="The batch size with the best expected gain per cost at this learning rate (CABS), "
        "beside the batch size in use.",
        good="Of the same order as the batch size in use.",
        bad="Far above it: the steps are noisy, part of them is wasted. Far below it: the same "
        "progress could be had with less work.",
        do="Move the batch size toward the suggestion, or scale the learning rate the other way. "
        "Trust it for plain SGD only.",
        source="Thesis C.3.2, eq. C.6; Balles et al. (2017).",
    ),
)
def cabs(log: RunLog, view: View) -> Panel | None:
    """Suggestion, with the actual batch size as a dashed reference."""
    if "CABS" not in log.quantities:
        return None
    series, used = log.series("CABS"), log.batch_sizes
    curves = [
        Curve(series.step, series.value, "suggested"),
        Curve(used.step, used.value, "in use", "muted", dash=True, smoothed=False),
    ]
    suggested = value_at(series.step, series.value, view.step)
    return history_panel(
        log, view, curves, label="samples",
        note=assumption_note(notes_at(log, "CABS", view)),
        current="" if suggested is None else format_number(suggested),
    )  # fmt: skip
