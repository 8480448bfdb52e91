from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "loader_bound"


def test_sick():
    episode = only(board_of(NAME, views({"Loss": 1.0}, {"time.waiting": 0.8})))
    assert (episode.level, episode.step) == ("advisory", 7)  # four values, five readings
    assert episode.reading.severity == pytest.approx(1.6)


@pytest.mark.parametrize("waiting", [0.3, lambda i: 0.95 if i % 5 == 0 else 0.1])
def test_healthy(waiting):
    assert shone(board_of(NAME, views({"Loss": 1.0}, {"time.waiting": waiting}))) == []


def test_absent():
    assert "time.waiting" in board_of(NAME, views({"Loss": 1.0})).absent[NAME]
