from __future__ import annotations

import pytest

from cockpit.render.theme import THEMES, contrast, get_theme

SURFACES = [(theme, ground) for theme in THEMES.values() for ground in ("surface", "background")]


@pytest.mark.parametrize(("theme", "ground"), SURFACES, ids=lambda v: getattr(v, "name", v))
def test_text_is_legible(theme, ground):
    for text in (theme.text, theme.muted_text, theme.colors["warning"], theme.colors["caution"]):
        assert contrast(text, getattr(theme, ground)) >= 4.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_marks_and_axes_can_be_seen(theme):
    for color in (*theme.colors.values(), theme.axis):
        assert contrast(color, theme.surface) >= 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_the_grid_is_quieter_than_every_mark(theme):
    grid = contrast(theme.grid, theme.surface)
    assert grid < min(contrast(color, theme.surface) for color in theme.colors.values()) / 2


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_sequential_colors_go_one_way_from_the_surface(theme):
    steps = [contrast(color, theme.surface) for color in theme.sequential]
    assert steps == sorted(steps)
    assert steps[-1] > 9


def test_only_alerts_are_red_or_amber():
    def is_warm(color):
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return red > 150 and blue < 0.6 * red and green < 0.75 * red

    for theme in THEMES.values():
        warm = {role for role, color in theme.colors.items() if is_warm(color)}
        assert warm == {"caution", "warning"}


def test_contrast_of_black_and_white():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)


def test_unknown_theme_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'sepia'\. Choose one of: light, dark, print"):
        get_theme("sepia")
