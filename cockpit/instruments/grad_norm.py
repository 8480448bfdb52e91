"""Gradient norm: how steep the loss is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.layer_history import quantity_panel
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="grad_norm",
    title="Gradient norm",
    group="gradients",
    order=20,
    needs=("GradNorm",),
    help=Help(
        shows="The length ‖ḡ‖ of the mini-batch gradient at each step: how steep the loss is.",
        good="It settles on a level, or falls slowly. In deep networks it often grows while the "
        "loss falls; that is no fault.",
        bad="Near zero while the loss is still high: a plateau, dead units or vanishing "
        "gradients. Growing by powers of ten: exploding gradients.",
        do="Near zero: look at the layers, the initialization and the activation functions. "
        "Exploding: lower the learning rate, warm up, or clip the gradient.",
        source="Thesis section 7.2.1; Frankle et al. (2020).",
    ),
)
def grad_norm(log: RunLog, view: View) -> Panel | None:
    """Network-wide norm, or that of the chosen layers."""
    return quantity_panel(log, view, "GradNorm", "‖ḡ‖")
