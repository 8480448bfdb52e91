"""Words for bars."""

from __future__ import annotations

from rich.text import Text

from cockpit.console import lamp_words
from cockpit.lamps import Episode, Reading


def episode(lamp: str, level: str, cause: str | None = None) -> Episode:
    return Episode(lamp, level, 1, 1, Reading(2.0, "It is."), 1, cause=cause)  # type: ignore[arg-type]


def test_the_worst_lamp_that_stands_for_itself_is_shown() -> None:
    consequence = episode("learning_rate_too_large", "warning", "nonfinite_input")
    words = lamp_words([consequence, episode("nonfinite_input", "caution")])
    assert Text.from_markup(words).plain == "◆ caution: Inputs that are no numbers"
    assert "yellow" in words


def test_nothing_is_shown_where_all_is_dark() -> None:
    assert lamp_words([]) == ""
