"""What Cockpit says aloud, beside the log."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path

import torch

__all__ = ["CockpitWarning", "LampWarning", "warn"]

# What lies between the user's line and a warning.
BETWEEN = (
    str(Path(__file__).parent),
    str(Path(torch.__file__).parent),
    str(contextlib.__file__),
)


class CockpitWarning(UserWarning):
    """Something about tracking, not about the training, needs the user's attention."""


class LampWarning(UserWarning):
    """Something about the training needs the user's attention: a lamp is lit."""


def warn(message: str, category: type[UserWarning] = CockpitWarning) -> None:
    """Warn of something at the user's line that led here; tracking never raises on its own account.

    Where the user has made warnings errors, the message goes to standard error.
    """
    try:
        warnings.warn(f"Cockpit: {message}", category, stacklevel=_level_of_user())
    except category as raised:
        print(f"{type(raised).__name__}: {raised}", file=sys.stderr)


def _level_of_user() -> int:
    """How many frames above :func:`warn` the first one is that is the user's."""
    frame, level = sys._getframe(2), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(BETWEEN):
        frame, level = frame.f_back, level + 1
    return level
