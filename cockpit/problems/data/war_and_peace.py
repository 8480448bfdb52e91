"""Tolstoy's War and Peace, in English: the text of problem P8. It is not downloaded.

The editions on the web change, so none has a checksum to rely on: take one, for example Project
Gutenberg's book 2600 as plain text, and put it where data sets are looked for.
"""

from __future__ import annotations

from pathlib import Path

from cockpit.problems.data.folders import DataFile, Origin
from cockpit.problems.data.sources import Stored
from cockpit.problems.data.texts import TextSet, read_text, text_set

ORIGIN = Origin(
    name="war-and-peace",
    title="War and Peace",
    files=(DataFile("war-and-peace.txt", "", suffix=""),),
)


def read(folder: Path) -> TextSet:
    """The text in ``folder``.

    Raises:
        ValueError: If it is no text.
    """
    path = folder / ORIGIN.files[0].name
    text = read_text(path)
    return text_set(ORIGIN.name, ORIGIN.title, text.train + text.test, str(path))


SOURCE = Stored(ORIGIN, TextSet, read)
