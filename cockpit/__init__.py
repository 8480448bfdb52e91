"""Live instruments for the training of neural networks in PyTorch.

Wrap the backward pass of a training loop: ``with cockpit(step): loss.backward()``.

Names are loaded when they are first used, so that reading and plotting logs needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cockpit._version import __version__

if TYPE_CHECKING:
    from cockpit.cautions import CockpitWarning as CockpitWarning
    from cockpit.cautions import LampWarning as LampWarning
    from cockpit.cockpit import Cockpit as Cockpit
    from cockpit.configuration import Configuration as Configuration
    from cockpit.log import RunLog as RunLog
    from cockpit.quantities.base import Absent as Absent
    from cockpit.quantities.base import Quantity as Quantity
    from cockpit.schedules import linear as linear
    from cockpit.schedules import logarithmic as logarithmic
    from cockpit.views import plot as plot
    from cockpit.views import show as show

_HOME = {
    "Absent": "cockpit.quantities.base",
    "Cockpit": "cockpit.cockpit",
    "CockpitWarning": "cockpit.cautions",
    "Configuration": "cockpit.configuration",
    "LampWarning": "cockpit.cautions",
    "Quantity": "cockpit.quantities.base",
    "RunLog": "cockpit.log",
    "linear": "cockpit.schedules",
    "logarithmic": "cockpit.schedules",
    "plot": "cockpit.views",
    "show": "cockpit.views",
}
_MODULES = ("quantities", "schedules")

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(f"cockpit.{name}")
    raise AttributeError(f"module 'cockpit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
