"""Gradient signal-to-noise ratio, averaged over parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.instruments.layer_history import quantity_panel
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


@instrument(
    name="mean_gsnr",
    title="Gradient signal-to-noise",
    group="gradients",
    order=50,
    needs=("MeanGSNR",),
    help=Help(
        shows="For each parameter the squared mean of its individual gradients over their "
        "variance, averaged over all parameters.",
        good="High at the start, when all samples pull the same way; falling as the easy part is "
        "learned.",
        bad="Low from the first steps on: samples disagree, the labels may not belong to the "
        "inputs, or the batch is too small to see the signal. Below about 1/N the mean gradient "
        "is mostly noise.",
        do="Enlarge the batch, or lower the learning rate once the ratio has dropped. Low from the "
        "start: check data and labels.",
        source="Thesis C.3.9, eq. C.41; Liu et al. (2020).",
    ),
)
def mean_gsnr(log: RunLog, view: View) -> Panel | None:
    """Mean GSNR of the network or of the chosen layers."""
    return quantity_panel(log, view, "MeanGSNR", "mean GSNR")
