"""Loss: the mini-batch loss, and the losses that the user logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.numbers import format_number
from cockpit.instruments.registry import Help, View, instrument
from cockpit.instruments.user_scalars import user_curves

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog


def is_loss(name: str) -> bool:
    """Whether a user-logged scalar is a loss, by its name: ``valid_loss``, ``loss/test``."""
    return "loss" in name.lower()


@instrument(
    name="loss",
    title="Loss",
    group="performance",
    order=10,
    needs=("Loss",),
    claims=is_loss,
    help=Help(
        shows="The mini-batch loss at each step (faint: as measured; bold: smoothed), and every "
        "training, validation or test loss logged by the user.",
        good="It falls, ever slower; validation follows training.",
        bad="Flat at the value of guessing: nothing is learned. Rising or not finite: it diverges. "
        "Validation rises while training falls: overfitting.",
        do="Diverging: lower the learning rate. Flat: look at gradient norm and step size. "
        "Overfitting: regularize or stop.",
        source="Thesis section 7.1.",
    ),
)
def loss(log: RunLog, view: View) -> Panel | None:
    """Mini-batch loss and user-logged losses on one axis."""
    curves: list[Curve] = []
    if "Loss" in log.quantities:
        series = log.series("Loss")
        curves.append(Curve(series.step, series.value, "mini-batch"))
    curves += user_curves(log, is_loss, first=len(curves))
    if not curves:
        return None
    shown = curves[0]
    now = value_at(shown.step, shown.value, view.step)
    return history_panel(
        log, view, curves, label="loss",
        note=_best(curves[1:], view), current="" if now is None else format_number(now),
    )  # fmt: skip


def _best(curves: list[Curve], view: View) -> str:
    """The lowest value so far of each logged loss, e.g. ``valid_loss: lowest 0.31 at 400``."""
    texts = []
    for curve in curves[:2]:
        seen = np.isfinite(curve.value)
        if view.step is not None:
            seen &= curve.step <= view.step
        if seen.any():
            best = np.flatnonzero(seen)[np.argmin(curve.value[seen])]
            value = format_number(float(curve.value[best]))
            texts.append(f"{curve.label}: lowest {value} at step {curve.step[best]:,}")
    return " · ".join(texts)
