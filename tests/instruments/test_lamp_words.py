"""What is said of lamps."""

from __future__ import annotations

import pytest

from cockpit.instruments import all_instruments
from cockpit.instruments.lamp_panels import curves_of, panels_of, quantities_of
from cockpit.instruments.lamp_words import (
    Words,
    grouped,
    reasons,
    spans_words,
    suggestion_words,
    watch_words,
    words_of,
)
from cockpit.lamps import Suggestion, all_lamps
from cockpit.lamps.outcome import Outcome
from tests.lamps.made import lit_at


def test_every_lamp_says_what_it_means_and_what_to_do() -> None:
    for lamp in all_lamps():
        words = words_of(lamp.name)
        assert (words.title, words.means, words.do) == (lamp.title, lamp.means, lamp.do)
        assert words.text
        assert not any("\n" in paragraph for paragraph in words.text)
        assert words.page == f"docs/lamps/{lamp.name}.md"
    assert words_of("not_there") == Words("Not there")


@pytest.mark.parametrize(
    ("suggestion", "expected"),
    [
        (None, ""),
        (Suggestion("lr", factor=1 / 3), "learning rate × 0.333"),
        (Suggestion("batch_size", value=512.0), "batch size: 512"),
        (Suggestion("look_there", layers=("a",)), "look there"),
    ],
)
def test_suggestions(suggestion: Suggestion | None, expected: str) -> None:
    assert suggestion_words(suggestion) == expected


def test_when_a_lamp_was_lit() -> None:
    assert spans_words([(8, 40)], over=True) == "steps 8 to 40"
    assert spans_words([(8, 8), (1200, None)], over=True) == (
        "from step 1,200 to the end, and once before"
    )
    assert spans_words([(1, 2), (3, 4), (5, None)], over=False) == (
        "from step 5 on, and 2 times before"
    )


def test_how_the_lamps_stand() -> None:
    dark = (lit_at([], "one", group="model"), lit_at([], "two", group="data"))
    assert watch_words(Outcome()) == ""
    outcome = Outcome(True, healthy=dark, absent={"a_b": "needs X", "c": "needs X", "d": "no"})
    assert watch_words(outcome) == "none lit, 2 watch, 3 absent"
    assert watch_words(Outcome(True, healthy=dark)) == "none lit, 2 watch"
    assert grouped(dark) == [("Data", ["Two"]), ("Model", ["One"])]
    assert reasons(outcome) == [("Needs X", ["A b", "C"]), ("No", ["D"])]


def test_lamps_are_about_the_panels_of_what_they_read() -> None:
    def about(*needs: str, group: str = "steps") -> set[str]:
        return quantities_of(lit_at([], needs=needs, group=group))

    assert about("Loss") == {"Loss"}
    assert about("Loss", group="model") == set()
    assert about("Alpha", "Loss", "update.decrease") == {"Alpha"}
    assert about("gradient.scale", "optimizer.decay") == {"GradNorm"}
    assert about("Time", "time.waiting") == {"Time"}
    assert curves_of(lit_at([], needs=("Time", "time.waiting"))) == set()
    assert about("optimizer.decay") == set()
    for lamp in all_lamps():
        assert "layers" in panels_of(lamp.name, ["0.weight"], all_instruments())
        assert "layers" not in panels_of(lamp.name, [], all_instruments())
