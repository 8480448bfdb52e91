"""The notes beside the values of a quantity, parsed when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from cockpit.log.columns import NoteTexts
from cockpit.log.parse import parse_object

NoteDict = dict[str, Any]


class Notes(Sequence[NoteDict]):
    """One dictionary for each value: a sequence, equal to the list of them.

    Those of values that are read later do not enter.

    Args:
        texts: The notes of a column.
        places: Which places of the column count, int64 [T].
    """

    def __init__(self, texts: NoteTexts, places: np.ndarray) -> None:
        self._texts = texts
        self._numbers = texts.numbers.view
        self._places = places

    def where(self, test: Callable[[NoteDict], bool]) -> np.ndarray:
        """Of which values the notes pass a test; bool [T]. Equal notes are tested once."""
        passed = [bool(test(_parsed(text))) for text in (*self._texts.distinct, b"{}")]
        numbers = np.append(self._numbers, -1)  # −1: the last, without notes
        return np.array(passed)[numbers[np.minimum(self._places, numbers.size - 1)]]

    @overload
    def __getitem__(self, index: int) -> NoteDict: ...
    @overload
    def __getitem__(self, index: slice) -> list[NoteDict]: ...
    def __getitem__(self, index: int | slice) -> NoteDict | list[NoteDict]:
        if isinstance(index, slice):
            return [self._of(place) for place in self._places[index].tolist()]
        return self._of(int(self._places[index]))

    def _of(self, place: int) -> NoteDict:
        number = int(self._numbers[place]) if place < len(self._numbers) else -1
        return {} if number < 0 else _parsed(self._texts.distinct[number])

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    def __repr__(self) -> str:
        return repr(list(self))


def _parsed(text: bytes) -> NoteDict:
    return parse_object(text) or {}
