"""Early stopping without a validation set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.layer_history import quantity_panel
from cockpit.instruments.notes import assumption_note, joined, notes_at
from cockpit.instruments.panel import Rule
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="early_stopping",
    title="Early stopping",
    group="performance",
    order=40,
    needs=("EarlyStopping",),
    help=Help(
        shows="How far the gradient can still be told from pure sampling noise. Above zero it "
        "cannot: on this evidence there is nothing left to learn.",
        good="Well below zero while training makes progress.",
        bad="Steadily above zero: further steps follow noise, and the model may begin to overfit. "
        "Small batches shift it by about −2/(N − 3), so a value just below zero proves little.",
        do="Compare with the validation loss. If that has stopped falling too, stop, or lower the "
        "learning rate.",
        source="Thesis C.3.3, eq. C.11; Mahsereci et al. (2017).",
    ),
)
def early_stopping(log: RunLog, view: View) -> Panel | None:
    """The criterion with a rule at zero."""
    notes = notes_at(log, "EarlyStopping", view)
    rule = Rule(0.0, "horizontal", "stop above 0")
    return quantity_panel(
        log, view, "EarlyStopping", "criterion",
        note=joined(assumption_note(notes)), extra=(rule,), include=(0.0,),
    )  # fmt: skip
