"""Takeuchi information criterion: how curvature and gradient noise interact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.history import Curve, history_panel
from cockpit.instruments.layer_history import chosen_layers, quantity_curves
from cockpit.instruments.notes import curvature_note, joined, notes_at
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="tic",
    title="Takeuchi information criterion",
    group="curvature",
    order=30,
    needs=("TICDiag", "TICTrace"),
    help=Help(
        shows="Gradient noise relative to curvature, a proxy for the gap between training and "
        "test loss. “diagonal” divides parameter by parameter, “trace” only the sums.",
        good="It stays on one level, or falls.",
        bad="It rises while the training loss falls: the model begins to fit noise. Jumps of the "
        "diagonal form come from curvatures near zero.",
        do="Watch the validation loss; regularize, augment the data or stop earlier. If only the "
        "diagonal form jumps, enlarge its ε.",
        source="Thesis section 7.2.2, C.3.8, eq. C.37 and C.38; Thomas et al. (2020).",
    ),
)
def tic(log: RunLog, view: View) -> Panel | None:
    """Both forms, as far as the run has them, on one axis."""
    curves: list[Curve] = []
    notes: list[str] = []
    layers = chosen_layers(log, view)
    diagonal, layer_note = quantity_curves(log, view, "TICDiag", label="diagonal")
    curves += diagonal
    notes.append(layer_note)
    if not (layers and diagonal):
        trace, note = quantity_curves(log, view, "TICTrace", label="trace", role="secondary")
        curves += trace
        notes.append(note)
    name = "TICDiag" if diagonal else "TICTrace"
    value_notes = notes_at(log, name, view)
    notes.append(curvature_note(value_notes))
    if "epsilon" in value_notes:
        notes.append(f"ε = {value_notes['epsilon']:g}")
    return history_panel(log, view, curves, label="TIC", note=joined(*notes))
