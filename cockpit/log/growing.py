"""Arrays that grow at their end."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from cockpit.log import spill

FIRST_ROOM = 32


class Growing:
    """An array to which rows are appended.

    Views handed out stay as they were: what is appended lies behind their end.

    Args:
        dtype: Of its elements.
        width: Length of each row; None: rows are single numbers.
    """

    def __init__(self, dtype: type, width: int | None = None) -> None:
        shape = (0,) if width is None else (0, width)
        self._room: np.ndarray = np.empty(shape, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, rows: np.ndarray) -> None:
        """Add rows, shape [R] or [R, width]."""
        end = self._size + len(rows)
        if end > len(self._room):
            room = max(end, FIRST_ROOM, 2 * len(self._room))
            wider = spill.empty((room, *self._room.shape[1:]), self._room.dtype.type)
            wider[: self._size] = self._room[: self._size]
            self._room = wider
        self._room[self._size : end] = rows
        self._size = end

    @property
    def view(self) -> np.ndarray:
        """All rows so far; read-only."""
        view = self._room[: self._size]
        view.flags.writeable = False
        return view


class Numbers:
    """Single numbers, appended one by one.

    Args:
        code: ``q`` for whole numbers, ``d`` for others, as of :mod:`array`.

    Attributes:
        add: Append a number.
        extend: Append a list of numbers.
    """

    def __init__(self, code: str) -> None:
        self._latest: Any = array(code)  # what was not yet moved behind the others
        self._others = Growing(np.int64 if code == "q" else np.float64)
        self.add: Callable[[float], None] = self._latest.append
        self.extend: Callable[[list[Any]], None] = self._latest.fromlist

    def __len__(self) -> int:
        return len(self._others) + len(self._latest)

    def __getitem__(self, place: int) -> int | float:
        number: int | float = self.view[place].item()
        return number

    def settle(self) -> None:
        """Move the latest ones behind the others."""
        if self._latest:
            self._others.append(np.array(self._latest))
            del self._latest[:]

    @property
    def view(self) -> np.ndarray:
        """All of them; read-only."""
        self.settle()
        return self._others.view
