"""Unpickling that can make arrays and plain values, and can run nothing.

A pickle may call any function. Data files need few, so only these are allowed.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from cockpit.problems.data.errors import DamagedError

_ALLOWED = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no data file needs")
        return super().find_class(module, name)


def unpickle(content: bytes) -> dict[str, Any]:
    """The dictionary in a pickle of arrays and plain values, also one by Python 2.

    Raises:
        DamagedError: If it is no such pickle.
    """
    try:
        found = _Restricted(io.BytesIO(content), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError) as error:
        raise DamagedError(f"the pickle cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DamagedError(f"got a pickled {type(found).__name__}, expected a dictionary")
    return {_text(key): value for key, value in found.items()}


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)


def array(found: dict[str, Any], key: str, columns: int) -> np.ndarray:
    """The uint8 matrix under a key.

    Raises:
        DamagedError: If there is none with so many columns.
    """
    value = found.get(key)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.shape[1:] == (columns,):
        return value
    shape = getattr(value, "shape", None)
    raise DamagedError(f"got {key!r} of shape {shape}, expected bytes in {columns} columns")
