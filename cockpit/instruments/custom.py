"""What the user added: own quantities and logged scalars that no other instrument shows.

One instrument per name, made from the log: a user's quantity appears without more code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cockpit.instruments.grad_hist1d import histogram_panel
from cockpit.instruments.grad_hist2d import joint_panel
from cockpit.instruments.history import history_panel
from cockpit.instruments.layer_history import kind_of, quantity_panel
from cockpit.instruments.notes import joined, notes_at, other_note
from cockpit.instruments.registry import Help, Instrument, View, all_instruments, family
from cockpit.instruments.user_scalars import user_curves

if TYPE_CHECKING:
    from cockpit.instruments.panel import Panel
    from cockpit.log import RunLog

NamedBuilder = Callable[["RunLog", View, str], "Panel | None"]
PREFIX = "custom"
SILENT = ("Parameters", "Facts", "epoch")  # no pictures; the axis of other instruments


def custom_names(log: RunLog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of quantities, and of logged scalars, that no other instrument shows."""
    known = {name for one in all_instruments() for name in one.needs} | set(SILENT)
    claims = [one.claims for one in all_instruments()]
    quantities = tuple(n for n in log.quantities if n not in known)
    scalars = tuple(n for n in log.user_names if n not in SILENT and not any(c(n) for c in claims))
    return quantities, scalars


@family(PREFIX)
def custom(log: RunLog) -> tuple[Instrument, ...]:
    """One instrument per own quantity and per logged scalar."""
    quantities, scalars = custom_names(log)
    made = [_made(name, _quantity_panel, (name,)) for name in quantities]
    made += [_made(name, _scalar_panel, ()) for name in scalars if name not in quantities]
    return tuple(made)


def _made(name: str, build: NamedBuilder, needs: tuple[str, ...]) -> Instrument:
    """An instrument for one name, whose title is the name."""
    explained = Help(
        shows=f"“{name}”, as "
        + ("an own quantity measured it." if needs else "logged with cockpit.log(step, …)."),
        good="Only whoever added it knows.",
        bad="A value that is not finite is marked at its step.",
        do="See where it was defined.",
        source="The training program.",
    )
    return Instrument(
        name=f"{PREFIX}:{name}",
        title=name,
        group="performance",
        needs=needs,
        help=explained,
        build=lambda log, view: build(log, view, name),
        order=200,
    )


def _quantity_panel(log: RunLog, view: View, name: str) -> Panel | None:
    """A user's quantity by the kind of its values."""
    kind = kind_of(log, name)
    if kind == "histogram1d":
        return histogram_panel(log, view, name, name)
    if kind == "histogram2d":
        return joint_panel(log, view, name, "x", "y")
    if kind in ("arrays", "facts"):
        return None
    return quantity_panel(log, view, name, "", note=joined(other_note(notes_at(log, name, view))))


def _scalar_panel(log: RunLog, view: View, name: str) -> Panel | None:
    """A scalar that the user logged."""
    return history_panel(log, view, user_curves(log, lambda other: other == name))
