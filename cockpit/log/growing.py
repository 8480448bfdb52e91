"""Arrays that grow at their end."""

from __future__ import annotations

import numpy as np

FIRST_ROOM = 256


class Growing:
    """An array to which rows are appended.

    Views handed out stay as they were: what is appended lies behind their end.

    Args:
        dtype: Of its elements.
        width: Length of each row; None: rows are single numbers.
    """

    def __init__(self, dtype: type, width: int | None = None) -> None:
        shape = (FIRST_ROOM,) if width is None else (FIRST_ROOM, width)
        self._room: np.ndarray = np.empty(shape, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, rows: np.ndarray) -> None:
        """Add rows, shape [R] or [R, width]."""
        end = self._size + len(rows)
        if end > len(self._room):
            room = max(end, 2 * len(self._room))
            wider = np.empty((room, *self._room.shape[1:]), self._room.dtype)
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
