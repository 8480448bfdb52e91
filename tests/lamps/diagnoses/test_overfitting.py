from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "overfitting"


def board(valid, train=0.1, name="valid_loss", count=64):
    """An evaluation after each 8 steps."""
    user = {name: {8 * (i + 1): value for i, value in enumerate(valid)}}
    return board_of(NAME, views({"Loss": train}, count=count), user=user)


SICK = [1.0, 0.6, 0.5, 0.55, 0.7, 0.8, 0.9]


def test_sick():
    episode = only(board(SICK))
    assert episode.level == "caution"
    assert episode.since == 48  # 0.7 and 0.8 are both above 1.2 × 0.5
    assert episode.reading.numbers["best_step"] == 24
    assert episode.reading.suggestion.change == "stop"


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("still falling", {"valid": [1.0, 0.8, 0.7, 0.6, 0.5, 0.45]}),
        ("a single bad evaluation", {"valid": [1.0, 0.6, 0.5, 0.9, 0.5, 0.5]}),
        ("the training loss is no lower", {"valid": SICK, "train": 0.6}),
        ("high from the beginning", {"valid": [2.0, 2.0, 2.0, 2.1, 2.0]}),
        ("too few", {"valid": [0.5, 0.9, 0.9]}),
        ("accuracies do not show it", {"valid": SICK, "name": "valid_accuracy"}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board(**kwargs)) == [], why


def test_absent_without_evaluations():
    assert "valid_loss" in board_of(NAME, views({"Loss": 1.0})).absent[NAME]


def test_evaluations_that_come_late():
    assert NAME not in board(SICK).absent
