"""Instruments: views of a run as plain data.

Every module of this package is imported here, so that an instrument is registered by being a
file in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil

from cockpit.instruments.panel import GROUPS, Panel
from cockpit.instruments.registry import (
    Help,
    Instrument,
    NothingToShowError,
    UnknownInstrumentError,
    View,
    all_instruments,
    family,
    get,
    instrument,
    instruments_for,
    panels,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "GROUPS",
    "Help",
    "Instrument",
    "NothingToShowError",
    "Panel",
    "UnknownInstrumentError",
    "View",
    "all_instruments",
    "family",
    "get",
    "instrument",
    "instruments_for",
    "panels",
]
