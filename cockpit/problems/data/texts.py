"""Texts in memory, and how they become codes and passages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cockpit.problems.data.sets import DataSet

TEST_SHARE = 0.2  # of a text, at its end


@dataclass(frozen=True)
class TextSet(DataSet):
    """A text, cut into what is trained on and what is not."""

    kind: ClassVar[str] = "a text"
    unit: ClassVar[str] = "characters"

    train: str
    test: str


def text_set(name: str, title: str, content: str, found: str) -> TextSet:
    """A text as a data set; the last fifth is the test set.

    Raises:
        ValueError: If there is hardly any text.
    """
    content = content.replace("\r\n", "\n")
    cut = round(len(content) * (1 - TEST_SHARE))
    if not content[cut:].strip():
        raise ValueError(f"got a text of {len(content)} characters from {found}: too short")
    return TextSet(name, title, train=content[:cut], test=content[cut:], found=found)


def read_text(path: Path) -> TextSet:
    """A text file of the user's (UTF-8).

    Raises:
        ValueError: If it is no text, or empty.
        OSError: If it can't be read.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error.reason})") from error
    return text_set(path.name, path.name, content, str(path))


def vocabulary(text: str, size: int) -> np.ndarray:
    """The characters that get a code of their own, the most frequent first.

    Args:
        text: What they are counted in.
        size: Number of codes; the last one is kept for all other characters.

    Returns:
        Unicode code points, int64, shape [at most size - 1].
    """
    points, counts = np.unique(_points(text), return_counts=True)
    order = np.lexsort((points, -counts))
    return points[order][: size - 1].astype(np.int64)


def encode(text: str, known: np.ndarray) -> Tensor:
    """The code of each character: its place in ``known``, or the number of these.

    Returns:
        uint8, shape [characters].

    Raises:
        ValueError: If there are more codes than a byte can hold.
    """
    if len(known) > 255:
        raise ValueError(f"got {len(known)} characters, expected at most 255")
    points = _points(text)
    table = np.full(int(max(points.max(initial=0), known.max(initial=0))) + 1, len(known), np.uint8)
    table[known] = np.arange(len(known), dtype=np.uint8)
    return torch.from_numpy(table[points])


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


@dataclass(frozen=True)
class Passages:
    """Pieces of a text, each with the same piece one character further as its target.

    Attributes:
        codes: uint8, shape [characters].
        length: Characters of a piece.
    """

    codes: Tensor
    length: int

    def __len__(self) -> int:
        """Number of whole pieces."""
        return max(0, len(self.codes) - 1) // self.length

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen pieces and what follows each of their characters; int64 [N, length]."""
        places = chosen[:, None] * self.length + torch.arange(self.length + 1)
        pieces = self.codes[places].long()
        return pieces[:, :-1], pieces[:, 1:]
