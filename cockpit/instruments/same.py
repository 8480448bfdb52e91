"""Whether two marks show the same."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from cockpit.instruments.panel import Mark


def same(one: Mark, other: Mark) -> bool:
    """Whether two marks are equal, arrays included."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    return all(_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
    return type(one) is type(other) and one == other
