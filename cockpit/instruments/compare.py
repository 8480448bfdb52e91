"""Every instrument for several runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cockpit.instruments.horizontal import time_unit
from cockpit.instruments.overlay import Part, Room, overlay
from cockpit.instruments.registry import (
    Instrument,
    UnknownInstrumentError,
    View,
    in_page_order,
    panels,
)

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.instruments.run_style import RunStyle
    from cockpit.log import RunLog


def common_view(view: View, logs: Sequence[RunLog]) -> View:
    """The view with what the runs have to agree on: the unit of a time axis."""
    if view.x != "time" or view.unit or not logs:
        return view
    return replace(view, unit=time_unit(max(log.duration for log in logs)))


def has_layers(view: View, log: RunLog) -> bool:
    """Whether a run has one of the layers that the view picks out, if it picks any."""
    return not view.layers or any(layer.name in view.layers for layer in log.layers)


def compared_panels(
    runs: Sequence[tuple[RunStyle, RunLog]],
    view: View | None = None,
    names: Sequence[str] = (),
    room: Room | None = None,
) -> list[tuple[Instrument, Panel]]:
    """As :func:`~cockpit.instruments.registry.panels`, for several runs laid over each other.

    Args:
        runs: Style and log of each run, the one in front first.
        view: How to look at them.
        names: Of the instruments wanted, in the order wanted; all if empty.
        room: How much a panel may show.

    Raises:
        UnknownInstrumentError: If no run has an instrument of one of the names.
    """
    view = common_view(view or View(), [log for _, log in runs])
    parts: dict[str, list[Part]] = {}
    known: dict[str, Instrument] = {}
    for style, log in runs:
        for one, panel in panels(log, view) if has_layers(view, log) else []:
            known.setdefault(one.name, one)
            parts.setdefault(one.name, []).append((style, panel))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownInstrumentError(
            f"No run has anything for {unknown[0]!r}. Choose one of: {', '.join(known)}."
        )
    chosen = [known[name] for name in names] if names else in_page_order(known.values())
    return [(one, overlay(parts[one.name], room)) for one in chosen]
