"""Figures as compact JSON: arrays as the typed arrays that plotly.js reads.

A number of a curve takes four bytes: steps are exact, others keep seven digits, more than any
screen shows. What is drawn as text in the figure keeps all its digits.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np

SMALLEST, LARGEST = 1e-37, 1e38  # of what four bytes hold with all their digits


def encode(content: Any) -> str:
    """JSON of plain values and numpy arrays; a lone number that is not finite becomes null."""
    try:
        return json.dumps(content, default=_array, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return encode(_finite(content))


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _typed(value) if value.dtype.kind in "iufb" else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A figure holds a {type(value).__name__}; it can only hold plain values.")


def _typed(values: np.ndarray) -> dict[str, str]:
    """A numeric array as plotly.js expects it, little-endian."""
    small = np.ascontiguousarray(_shrunk(values))
    little = small.astype(small.dtype.newbyteorder("<"), copy=False)
    spec = {
        "dtype": little.dtype.str.lstrip("<|"),
        "bdata": base64.b64encode(little.tobytes()).decode("ascii"),
    }
    if values.ndim > 1:
        spec["shape"] = ", ".join(str(length) for length in values.shape)
    return spec


def _shrunk(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        fits = values.size == 0 or np.abs(values, dtype=float).max() < 2**31
        return values.astype(np.int32 if fits else np.float64)
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if sizes.size and (sizes.min() < SMALLEST or sizes.max() > LARGEST):
        return values.astype(np.float64)
    if sizes.size and sizes.max() < 2**31 and np.isfinite(values).all():
        whole = values.astype(np.int32)
        if (whole == values).all():
            return whole
    return values.astype(np.float32)


def _finite(content: Any) -> Any:
    """The same with ``None`` for each number that is not finite."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
