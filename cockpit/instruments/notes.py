"""What a value says about itself, as a line for its panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog

CURVATURES = {
    "hessian": "exact Hessian",
    "diag_hessian": "exact Hessian diagonal",
    "ggn": "generalized Gauss-Newton",
    "diag_ggn": "generalized Gauss-Newton diagonal",
    "ggn_mc": "estimate: Gauss-Newton, Monte Carlo",
    "diag_ggn_mc": "estimate: Gauss-Newton diagonal, Monte Carlo",
    "hutchinson": "estimate: Hutchinson",
}


def notes_at(log: RunLog, name: str, view: View) -> dict[str, Any]:
    """The notes of a quantity's last value at or before the view's step; empty if none."""
    notes = log.notes(name)
    steps = log.series(name).step
    end = len(steps) if view.step is None else int(np.searchsorted(steps, view.step, side="right"))
    return notes[min(end, len(notes)) - 1] if end > 0 and notes else {}


def curvature_note(notes: Mapping[str, Any]) -> str:
    """Which curvature a value used, e.g. ``estimate: Hutchinson, 8 samples``."""
    kind = notes.get("curvature")
    if kind is None:
        return ""
    text = CURVATURES.get(str(kind), str(kind))
    samples = notes.get("samples")
    if samples is not None:
        text += f", {samples} sample{'' if samples == 1 else 's'}"
    return text


def assumption_note(notes: Mapping[str, Any]) -> str:
    """Where a value is outside of what it was derived for, e.g. for another optimizer."""
    assumption = str(notes.get("assumption", ""))
    if not assumption.startswith("outside"):
        return assumption
    reason = assumption.partition(":")[2].strip()
    text = "derived for plain SGD; outside its assumption"
    return f"{text} ({reason})" if reason else text


def other_note(notes: Mapping[str, Any]) -> str:
    """Notes of a quantity that no instrument knows, as ``key: value`` pairs."""
    plain = {k: v for k, v in notes.items() if isinstance(v, (str, int, float, bool))}
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in plain.items())


def joined(*texts: str) -> str:
    """The texts that say something, in one line."""
    return " · ".join(text for text in texts if text)
