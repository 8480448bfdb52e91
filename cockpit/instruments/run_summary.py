"""The state of a run in a few facts, for the header of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cockpit.instruments.history import value_at
from cockpit.instruments.numbers import format_duration, format_number
from cockpit.instruments.panel import Role

if TYPE_CHECKING:
    from cockpit.instruments.registry import View
    from cockpit.log import RunLog

STATUS_ROLES: dict[str, Role] = {
    "failed": "warning", "stalled": "caution", "interrupted": "caution",
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One fact: what, how much, and whether it is an alert."""

    label: str
    value: str
    role: Role = "muted"


def run_facts(log: RunLog, view: View | None = None) -> list[Fact]:
    """Name, status, step, epoch, loss, duration, overhead, optimizer; unknown ones are left out.

    Args:
        log: The run.
        view: With a step, the facts are as of that step.
    """
    at = view.step if view is not None else None
    facts = [
        Fact("run", log.name),
        Fact("status", log.status, STATUS_ROLES.get(log.status, "muted")),
    ]
    step = log.last_step if at is None else at
    if step is not None:
        facts.append(Fact("step", f"{step:,}"))
    if "epoch" in log.user_names:
        epochs = log.user_series("epoch")
        epoch = value_at(epochs.step, epochs.value, at)
        if epoch is not None:
            facts.append(Fact("epoch", format_number(epoch)))
    if "Loss" in log.quantities:
        losses = log.series("Loss")
        loss = value_at(losses.step, losses.value, at)
        if loss is not None:
            role: Role = "muted" if np.isfinite(loss) else "warning"
            facts.append(Fact("loss", format_number(loss), role))
    facts.append(Fact("duration", format_duration(log.duration)))
    overhead = log.overhead_so_far.value
    overhead = overhead[np.isfinite(overhead)]
    if overhead.size:
        text = f"+{format_number(100 * float(overhead[-1]), 2)} %"
        facts.append(Fact("tracking", text))
    optimizer = str((log.header.get("optimizer") or {}).get("name", ""))
    if optimizer:
        facts.append(Fact("optimizer", optimizer))
    return facts
