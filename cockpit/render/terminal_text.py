"""Words for a terminal: whatever a log says, as text that can do nothing but be read."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from cockpit.instruments.panel import Role

LONGEST = 2_000  # characters of one text; more is never shown
MOST_ACCENTS = 2  # on one letter

# The terminal's own colors: legible on whatever background its user chose.
STYLES: dict[Role, str] = {
    "primary": "cyan", "secondary": "magenta", "tertiary": "green", "quaternary": "bold",
    "muted": "dim", "good": "green", "advisory": "bold", "caution": "bold yellow",
    "warning": "bold red",
}  # fmt: skip
LEVEL_STYLES: dict[str, str] = {
    "warning": STYLES["warning"], "caution": STYLES["caution"], "advisory": STYLES["advisory"],
}  # fmt: skip


def clean(text: object) -> str:
    """A text without anything that a terminal would obey.

    Control characters (escape sequences begin with one), characters that turn the direction of
    writing or take no room, and what is no character at all become ``·``; breaks become blanks.
    """
    shown = unicodedata.normalize("NFC", str(text)[:LONGEST])
    parts = []
    for is_accent, group in groupby(shown, lambda c: unicodedata.category(c) in ("Mn", "Me")):
        letters = list(group)
        parts += letters[:MOST_ACCENTS] if is_accent else [_harmless(c) for c in letters]
    return "".join(parts)


def _harmless(character: str) -> str:
    kind = unicodedata.category(character)
    if character in "\t\n\r\v\f" or kind.startswith("Z"):
        return " "
    return "·" if kind.startswith("C") else character


def words(text: object, style: str = "") -> Text:
    """A cleaned text in one style; nothing in it is markup."""
    return Text(end="", no_wrap=True).append(clean(text), style)


def cut(text: object, width: int) -> str:
    """A cleaned text of at most ``width`` columns, with ``…`` where something is missing."""
    shown = " ".join(clean(text).split())
    if cell_len(shown) <= width:
        return shown
    return set_cell_size(shown, width - 1).rstrip() + "…" if width > 0 else ""


def fit(text: object, width: int, align: str = "left") -> str:
    """A cleaned text of exactly ``width`` columns."""
    shown = cut(text, width)
    blank = " " * (width - cell_len(shown))
    return blank + shown if align == "right" else shown + blank
