"""Largest eigenvalue of the Hessian: the sharpest valley."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cockpit.instruments.history import Curve, history_panel, value_at
from cockpit.instruments.notes import joined, notes_at
from cockpit.instruments.numbers import format_number
from cockpit.instruments.registry import Help, View, instrument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog

NEAR = 10.0  # the stability limit is drawn where it is below this multiple of all eigenvalues


@instrument(
    name="hess_max_ev",
    title="Largest Hessian eigenvalue",
    group="curvature",
    order=10,
    needs=("HessMaxEV",),
    help=Help(
        shows="λ max of the mini-batch Hessian: the curvature along the sharpest direction. For "
        "plain and momentum SGD the dashed line is the limit 2(1 + β)/η above which a quadratic "
        "would diverge.",
        good="It falls in the first steps, even while the loss seems stuck, and later stays below "
        "the limit or just at it.",
        bad="Well above the limit for long: each step overshoots along this direction, the loss "
        "spikes or diverges.",
        do="Lower the learning rate or warm it up; if λ max is far below the limit, there is room "
        "for a larger one.",
        source="Thesis section 7.2.2, C.3.6; Cohen et al. (2021) for the limit.",
    ),
)
def hess_max_ev(log: RunLog, view: View) -> Panel | None:
    """Eigenvalue, with the stability limit of SGD where that is defined."""
    if "HessMaxEV" not in log.quantities:
        return None
    series = log.series("HessMaxEV")
    curves = [Curve(series.step, series.value, "λ max")]
    curves += _limit(log, series.value)
    notes = notes_at(log, "HessMaxEV", view)
    now = value_at(series.step, series.value, view.step)
    return history_panel(
        log, view, curves, label="λ max",
        note=_note(notes), current="" if now is None else format_number(now),
    )  # fmt: skip


def _note(notes: Mapping[str, Any]) -> str:
    """E.g. ``lanczos, 12 products · smallest −0.3``."""
    how = str(notes.get("method", ""))
    if "products" in notes:
        how = f"{how}, {notes['products']} products".lstrip(", ")
    smallest = notes.get("min_ev")
    return joined(how, "" if smallest is None else f"smallest {format_number(float(smallest))}")


def _limit(log: RunLog, eigenvalues: np.ndarray) -> list[Curve]:
    """2(1 + β)/η, for SGD with one learning rate and classical momentum."""
    optimizer = log.header.get("optimizer") or {}
    groups = optimizer.get("groups") or [{}]
    steps, rates = log.lr
    if optimizer.get("name") != "SGD" or groups[0].get("nesterov") or len(steps) == 0:
        return []
    if rates.shape[1] != 1 or not (rates > 0).all():
        return []
    momentum = float(groups[0].get("momentum") or 0.0)
    limit = 2 * (1 + momentum) / rates[:, 0]
    finite = eigenvalues[np.isfinite(eigenvalues)]
    near = limit <= NEAR * finite.max(initial=0.0)
    if not near.any():
        return []
    label = "2/η" if momentum == 0 else "2(1+β)/η"
    shown = np.where(near, limit, np.nan)
    return [Curve(steps, shown, label, "muted", dash=True, smoothed=False, gaps=True)]
