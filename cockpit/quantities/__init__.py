"""All quantities. A new one is a new file here: it is found by itself."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

from cockpit.quantities.base import TIERS, Absent, Quantity, Tier, per_layer, scalar


def _find() -> dict[str, type[Quantity]]:
    found: dict[str, type[Quantity]] = {}
    for module in pkgutil.iter_modules(__path__):
        namespace = vars(import_module(f"{__name__}.{module.name}"))
        for cls in namespace.values():
            if (
                inspect.isclass(cls)
                and issubclass(cls, Quantity)
                and not inspect.isabstract(cls)
                and cls.__module__ == namespace["__name__"]
            ):
                found[cls.__name__] = cls
    return found


QUANTITIES: dict[str, type[Quantity]] = _find()
globals().update(QUANTITIES)

__all__ = ["QUANTITIES", "TIERS", "Absent", "Quantity", "Tier", "per_layer", "scalar", *QUANTITIES]
