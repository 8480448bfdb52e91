"""Colors and sizes of both renderers.

Series take colors from the palette of Okabe and Ito, chosen per theme for contrast: text has at
least 4.5:1, marks at least 3:1 against the panel (tested). Red and amber mean alerts, nothing else;
an advisory is an alert without color.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.instruments.panel import Role


@dataclass(frozen=True)
class Theme:
    """How things look.

    Attributes:
        name: ``light``, ``dark`` or ``print``.
        background: Behind the panels.
        surface: Of a panel.
        text: Titles and values.
        muted_text: Labels, ticks, notes.
        axis: Axis lines and ticks.
        grid: Grid lines; quieter than any mark.
        colors: Of a mark, by its role.
        sequential: Evenly spaced colors from small to large; small is near the surface.
        diverging: Evenly spaced colors from negative over zero to positive.
    """

    name: str
    background: str
    surface: str
    text: str
    muted_text: str
    axis: str
    grid: str
    colors: Mapping[Role, str]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


_ON_LIGHT: dict[Role, str] = {
    "primary": "#0072B2",  # blue
    "secondary": "#C4679B",  # reddish purple, a little darker than Okabe and Ito's
    "tertiary": "#009E73",  # bluish green
    "quaternary": "#22262B",  # black
    "muted": "#7D858E",
    "good": "#009E73",
    "advisory": "#45505B",
    "caution": "#A65E00",
    "warning": "#C4161C",
    "run-0": "#0072B2",  # blue
    "run-1": "#C4679B",  # reddish purple
    "run-2": "#009E73",  # bluish green
    "run-3": "#22262B",  # black
    "run-4": "#938600",  # yellow, darkened
}
_ON_DARK: dict[Role, str] = {
    "primary": "#56B4E9",  # sky blue
    "secondary": "#CC79A7",  # reddish purple
    "tertiary": "#00B083",  # bluish green, a little lighter than Okabe and Ito's
    "quaternary": "#E2E6EA",
    "muted": "#858E98",
    "good": "#00B083",
    "advisory": "#C3CBD4",
    "caution": "#FFB020",
    "warning": "#FF6B5E",
    "run-0": "#56B4E9",  # sky blue
    "run-1": "#CC79A7",  # reddish purple
    "run-2": "#00B083",  # bluish green
    "run-3": "#E2E6EA",  # nearly white
    "run-4": "#F0E442",  # yellow
}

# Cividis (Nunez et al., 2018), turned around and paler at its light end, so that few is near white.
_SEQUENTIAL_ON_LIGHT = (
    "#F7EFC9", "#ECDC98", "#D9C77C", "#BBB07A", "#A09A7C", "#86867A", "#6D7075", "#53596C",
    "#35456C", "#0E3168", "#00224E",
)  # fmt: skip
# Cividis without its darkest part, which a dark surface would swallow.
_SEQUENTIAL_ON_DARK = (
    "#23406F", "#3B5070", "#525F70", "#697073", "#7F8176", "#989378", "#B2A775", "#CEBC6B",
    "#E9D358", "#FEE838",
)  # fmt: skip
# PRGn of ColorBrewer: purple over the surface to green.
_DIVERGING_ON_LIGHT = ("#762A83", "#AF8DC3", "#E7D4E8", "#F7F7F7", "#D9F0D3", "#7FBF7B", "#1B7837")
_DIVERGING_ON_DARK = ("#C79BD6", "#8F5FA0", "#4B3654", "#22272E", "#2F4A38", "#4C9A5B", "#8FD694")

LIGHT = Theme(
    name="light",
    background="#F4F5F7",
    surface="#FFFFFF",
    text="#1A1E23",
    muted_text="#59626C",
    axis="#868E97",
    grid="#E9EBEE",
    colors=_ON_LIGHT,
    sequential=_SEQUENTIAL_ON_LIGHT,
    diverging=_DIVERGING_ON_LIGHT,
)
PRINT = Theme(
    name="print",
    background="#FFFFFF",
    surface="#FFFFFF",
    text="#14171B",
    muted_text="#59626C",
    axis="#868E97",
    grid="#ECEEF0",
    colors=_ON_LIGHT,
    sequential=_SEQUENTIAL_ON_LIGHT,
    diverging=_DIVERGING_ON_LIGHT,
)
DARK = Theme(
    name="dark",
    background="#0E1116",
    surface="#161A20",
    text="#E8EBEF",
    muted_text="#A1AAB4",
    axis="#6F7984",
    grid="#262C34",
    colors=_ON_DARK,
    sequential=_SEQUENTIAL_ON_DARK,
    diverging=_DIVERGING_ON_DARK,
)
THEMES: dict[str, Theme] = {theme.name: theme for theme in (LIGHT, DARK, PRINT)}

# What tells the levels of alerts apart for those who see no color: of what is the case, and of what
# was and is over.
SHAPES: dict[str, str] = {"warning": "▲", "caution": "◆", "advisory": "●"}
OUT_SHAPES: dict[str, str] = {"warning": "△", "caution": "◇", "advisory": "○"}


def get_theme(name: str) -> Theme:
    """The theme of this name.

    Raises:
        ValueError: If there is none; the message lists those that exist.
    """
    if name not in THEMES:
        raise ValueError(f"There is no theme {name!r}. Choose one of: {', '.join(THEMES)}.")
    return THEMES[name]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two ``#RRGGBB`` colors, 1 to 21.

    Reference: WCAG 2.2, relative luminance.
    """
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
