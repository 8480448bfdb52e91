from __future__ import annotations

import pytest

from cockpit.lamps import get
from tests.lamps.hand_made import board_of, only, shone, views

NAME = "saturated_units"


def steps(hidden, out=0.1, loss=2.0):
    facts = {"units.5.saturated": out, "units.0.saturated": hidden}  # 5 is the last layer
    return views({"Loss": loss}, facts, count=24)


def test_sick():
    episode = only(board_of(NAME, steps(0.96)))
    assert (episode.level, episode.step) == ("warning", 5)  # four tracked steps, three readings
    assert episode.reading.layers == ("0",)


def test_a_network_that_learns_may_be_sure_of_its_case():
    board = board_of(NAME, steps(0.96, loss=lambda i: 2 * 0.9**i))
    assert get(NAME)(board.course).level == "advisory"


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("as usual", {"hidden": 0.3}),
        ("not at each step", {"hidden": lambda i: 0.9 if i % 3 else 0.5}),
        ("the output may be sure", {"hidden": 0.3, "out": 0.97}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_absent_without_such_units():
    assert "no sigmoid" in board_of(NAME, views({"Loss": 2.0})).absent[NAME]
