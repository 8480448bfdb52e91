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
    "caution",
    "warning",
    *RUN_ROLES,
)


def stylesheet() -> str:
    """CSS that defines the colors of both themes."""
    return "\n".join(
        f":root[data-mantine-color-scheme={theme.name}] {{ {_variables(theme)} }}"
        for theme in (LIGHT, DARK)
    )


def _variables(theme: Theme) -> str:
    named = {
        "background": theme.background,
        "surface": theme.surface,
        "text": theme.text,
        "muted": theme.muted_text,
        "axis": theme.axis,
        "line": theme.grid,
        **{role: theme.colors[role] for role in ROLES},
    }
    return " ".join(f"--{name}: {color};" for name, color in named.items())
