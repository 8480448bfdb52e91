"""Trace of the Hessian: average curvature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.layer_history import quantity_panel
from cockpit.instruments.notes import curvature_note, notes_at
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="hess_trace",
    title="Hessian trace",
    group="curvature",
    order=20,
    needs=("HessTrace",),
    help=Help(
        shows="The sum of all eigenvalues of the mini-batch Hessian: the loss's average "
        "curvature. The line under the title says how it was computed.",
        good="It rises early, then settles or falls: training reaches flatter ground.",
        bad="It keeps growing: training moves into ever sharper valleys. An estimate that jumps "
        "by tens of percent from step to step needs more samples.",
        do="Sharp and still growing: a larger learning rate, a smaller batch or weight decay lead "
        "to flatter regions. Noisy: use more samples, or the exact diagonal.",
        source="Thesis section 7.2.2, C.3.7; Yao et al. (2020).",
    ),
)
def hess_trace(log: RunLog, view: View) -> Panel | None:
    """Trace, with the kind of curvature in the note."""
    note = curvature_note(notes_at(log, "HessTrace", view))
    return quantity_panel(log, view, "HessTrace", "Tr H", note=note)
