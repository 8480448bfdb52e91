"""Which panels a lit lamp is about: those that show what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cockpit.lamps import LEVELS, Lamp, UnknownLampError, get

if TYPE_CHECKING:
    from cockpit.instruments.registry import Instrument

LAYERS = "layers"  # the instrument that shows any quantity of every layer
SCALE = "Loss"  # which many lamps read only to be free of units

# Beginning of a fact's name: the quantity nearest to it. Facts have no panel of their own.
NEAREST = {
    "gradient": "GradNorm",
    "inputs": "GradHist1d",
    "loss": "Loss",
    "outputs": "Loss",
    "targets": "Loss",
    "time": "Time",
    "units": "GradHist1d",
    "update": "UpdateSize",
}


def curves_of(lamp: Lamp) -> set[str]:
    """The quantities whose course tells what a lamp says."""
    plain = {need for need in lamp.needs if "." not in need} - {"Time"}
    if plain == {SCALE}:  # of the model's faults it is no more than an effect
        return set() if lamp.group == "model" else plain
    return plain - {SCALE}


def quantities_of(lamp: Lamp) -> set[str]:
    """The quantities that a lamp is about; where it reads facts only, those nearest to them."""
    starts = {need.partition(".")[0] for need in lamp.needs if "." in need}
    return curves_of(lamp) or {NEAREST[start] for start in starts if start in NEAREST}


def panels_of(name: str, layers: Sequence[str], instruments: Iterable[Instrument]) -> list[str]:
    """Names of the instruments that a lit lamp is about.

    Args:
        name: Of the lamp.
        layers: Those that it names.
        instruments: That there are.
    """
    try:
        wanted = quantities_of(get(name))
    except UnknownLampError:
        wanted = set()
    found = []
    for one in instruments:
        by_layer = one.name == LAYERS
        about = bool(layers) if by_layer else bool(wanted.intersection(one.needs))
        if about or any(map(one.claims, wanted)):
            found.append(one.name)
    return found


def marks(alerts: Iterable[Mapping[str, object]]) -> dict[str, tuple[str, str]]:
    """The sign that each panel bears: the worst level of the alerts about it, and their titles.

    Args:
        alerts: As :func:`cockpit.instruments.alerts.alerts` gives them.
    """
    found: dict[str, tuple[str, str]] = {}
    for alert in alerts:
        named = alert["panels"]
        for panel in named if isinstance(named, list | tuple) else ():
            level, said = found.get(panel, (str(alert["level"]), ""))
            worst = min(level, str(alert["level"]), key=LEVELS.index)
            found[panel] = worst, f"{said}; {alert['message']}" if said else str(alert["message"])
    return found
