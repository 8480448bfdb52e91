"""The themes of the figures as CSS variables, so that page and pictures are of one piece."""

from __future__ import annotations

from cockpit.instruments.panel import Role
from cockpit.instruments.run_style import RUN_ROLES
from cockpit.render.theme import DARK, LIGHT, Theme

ROLES: tuple[Role, ...] = (
    "primary",
    "secondary",
    "tertiary",
    "quaternary",
    "advisory",
    "caution",
    "warning",
    *RUN_ROLES,
)
TINT, ZONE = 0.07, 0.22  # of a warning's color, behind its texts, and behind its curve


def stylesheet() -> str:
    """CSS that defines the colors of both themes; the page says which one holds."""
    return "\n".join(
        f":root[data-mantine-color-scheme={theme.name}] {{ {_variables(theme)} }}"
        for theme in (LIGHT, DARK)
    )


def stylesheet_of(name: str) -> str:
    """CSS that defines the colors of a page without a script.

    Args:
        name: ``light``, ``dark``, or ``system``: as the browser has it. On paper it is light.
    """
    light, dark = (f":root {{ {_variables(theme)} }}" for theme in (LIGHT, DARK))
    if name == "light":
        return light
    when = "screen" if name == "dark" else "screen and (prefers-color-scheme: dark)"
    return f"{light}\n@media {when} {{ {dark} }}"


def _variables(theme: Theme) -> str:
    warning = theme.colors["warning"]
    named = {
        "background": theme.background,
        "surface": theme.surface,
        "text": theme.text,
        "muted": theme.muted_text,
        "axis": theme.axis,
        "line": theme.grid,
        **{role: theme.colors[role] for role in ROLES},
        "warning-tint": mixed(warning, theme.background, TINT),
        "warning-zone": mixed(warning, theme.background, ZONE),
    }
    return " ".join(f"--{name}: {color};" for name, color in named.items())


def mixed(color: str, ground: str, share: float) -> str:
    """A color thinned out over a ground, both ``#RRGGBB``."""
    pairs = [(int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02X}" for a, b in pairs)
