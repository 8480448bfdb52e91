from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "converged"


def board(valid, name="valid_loss"):
    user = {name: {4 * (i + 1): value for i, value in enumerate(valid)}}
    return board_of(NAME, views({"Loss": 1.0}, count=64), user=user)


FLAT = [2.0, 1.0, 0.5, 0.5, 0.499, 0.502, 0.498, 0.5]


def test_sick():
    episode = only(board(FLAT))
    assert (episode.level, episode.step) == ("advisory", 32)  # five after the third
    assert episode.reading.numbers["gain"] == pytest.approx(0.004)
    assert episode.reading.suggestion.change == "stop"


@pytest.mark.parametrize("scale", [1, 100])
def test_a_score_counts_by_what_it_lacks(scale):
    flat = [scale * x for x in (0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9)]
    assert only(board(flat, name="val_accuracy"))
    rising = [scale * x for x in (0.1, 0.5, 0.9, 0.91, 0.91, 0.92, 0.92, 0.93)]
    assert shone(board(rising, name="val_accuracy")) == []


def test_a_run_that_is_stuck_is_not_told_to_stop():
    assert only(board(8 * [2.3])).reading.suggestion is None


@pytest.mark.parametrize(
    "valid", [[2.0 * 0.9**i for i in range(12)], [2.0, 1.0, 0.5, 0.5, 0.5], [float("nan")]]
)
def test_healthy(valid):
    assert shone(board(valid)) == []
