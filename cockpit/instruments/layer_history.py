"""History of one quantity: for the network, or for the layers that the user picked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import Curve, history_panel, series_style
from cockpit.instruments.notes import joined

if TYPE_CHECKING:
    from cockpit.instruments.panel import Mark, Panel, Role
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog

MAX_LAYERS = 8  # more lines than styles cannot be told apart


def chosen_layers(log: RunLog, view: View) -> list[tuple[int, str]]:
    """Index and name of the parameters that the view picks out, in the model's order."""
    names = [layer.name for layer in log.layers]
    wanted = set(view.layers or ())
    return [(i, name) for i, name in enumerate(names) if name in wanted]


def chosen_styles(log: RunLog, view: View) -> dict[int, tuple[Role, bool]]:
    """Color role and dash of each picked layer, by its index: the same in all instruments.

    More than :data:`MAX_LAYERS` are not drawn and have none.
    """
    chosen = chosen_layers(log, view)[:MAX_LAYERS]
    return {index: series_style(place) for place, (index, _) in enumerate(chosen)}


def quantity_curves(
    log: RunLog, view: View, name: str, *, label: str = "", role: Role = "primary"
) -> tuple[list[Curve], str]:
    """The network's curve of a quantity, or one for each chosen layer.

    Args:
        log: The run.
        view: Which layers to show.
        name: The quantity.
        label: Label of the network's curve.
        role: Color of the network's curve.

    Returns:
        Curves, and a note about which layers are shown.
    """
    if name not in log.quantities:
        return [], ""
    layers = chosen_layers(log, view)
    if layers and kind_of(log, name) == "per_layer":
        steps, values = log.layer_series(name)
        names = dict(layers)
        styles = chosen_styles(log, view).items()
        curves = [
            Curve(steps, values[:, index], names[index], color, dash)
            for index, (color, dash) in styles
            if not np.isnan(values[:, index]).all()
        ]
        return curves, _left_out(len(layers), len(styles) - len(curves))
    series = log.series(name)
    note = "whole network: not measured per layer" if layers else ""
    return [Curve(series.step, series.value, label, role)], note


def _left_out(chosen: int, unmeasured: int) -> str:
    """Which of the chosen layers are not drawn, and why."""
    return joined(
        f"{unmeasured} of {chosen} layers not measured" if unmeasured else "",
        f"the first {MAX_LAYERS} of {chosen} layers" if chosen > MAX_LAYERS else "",
    )


def kind_of(log: RunLog, name: str) -> str:
    """The kind of value of a quantity (``scalar``, ``per_layer``, ...); empty if unknown."""
    return str(log.header.get("quantities", {}).get(name, {}).get("kind", ""))


def quantity_panel(
    log: RunLog,
    view: View,
    name: str,
    label: str,
    *,
    note: str = "",
    extra: Sequence[Mark] = (),
    include: Sequence[float] = (),
) -> Panel | None:
    """The history of one quantity as a panel; ``None`` if the run has none of it.

    Args:
        log: The run.
        view: How to look at it.
        name: The quantity.
        label: Label of the vertical axis.
        note: Line under the title.
        extra: Marks drawn underneath.
        include: Values that the vertical axis has to show as well.
    """
    curves, layer_note = quantity_curves(log, view, name)
    return history_panel(
        log, view, curves, label=label, note=joined(note, layer_note), extra=extra, include=include
    )
