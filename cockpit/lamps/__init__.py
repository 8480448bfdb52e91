"""Lamps: what is wrong with a run, and what to do about it.

A lamp is a pure function of a run's records; it is registered by being a file in ``diagnoses/``.
Nothing here imports torch.
"""

from __future__ import annotations

import importlib
import pkgutil

from cockpit.lamps import diagnoses
from cockpit.lamps.board import Board, Change, Episode
from cockpit.lamps.course import Course, StepView
from cockpit.lamps.lamp import (
    LEVELS,
    Lamp,
    Level,
    Reading,
    Suggestion,
    UnknownLampError,
    all_lamps,
    get,
    lamp,
)
from cockpit.lamps.replay import replay

for _module in pkgutil.iter_modules(diagnoses.__path__):
    importlib.import_module(f"{diagnoses.__name__}.{_module.name}")

__all__ = [
    "LEVELS",
    "Board",
    "Change",
    "Course",
    "Episode",
    "Lamp",
    "Level",
    "Reading",
    "StepView",
    "Suggestion",
    "UnknownLampError",
    "all_lamps",
    "get",
    "lamp",
    "replay",
]
