from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "overfitting"


def board(valid, train=0.15, name="valid_loss", count=80):
    """An evaluation after each 8 steps; the training loss falls from 1 to ``train``."""
    user = {name: {8 * (i + 1): value for i, value in enumerate(valid)}}
    losses = views({"Loss": lambda i: max(train, 1 - i / 10)}, count=count)
    return board_of(NAME, losses, user=user)


SICK = [1.0, 0.6, 0.5, 0.55, 0.7, 0.8, 0.9]
APART = [1.0, 0.9, 0.8, 0.8, 0.79, 0.8, 0.79]


def test_sick():
    episode = only(board(SICK))
    assert episode.level == "caution"
    assert episode.since == 56  # 0.7, 0.8 and 0.9 are above 1.2 × 0.5
    assert episode.reading.suggestion.change == "stop"


def test_a_slow_climb():
    climb = [1.0, 0.95, 0.97, 1.0, 1.03, 1.06, 1.09]
    assert only(board(climb, train=0.4)).since == 48  # three above 1.05 × 0.95: 1.0, 1.03, 1.06
    assert shone(board([*climb[:5], 1.02, 1.09], train=0.4)) == []  # it does not rise each time


def test_a_rise_says_when_the_best_was():
    episode = only(board(SICK, train=0.3))
    assert (episode.since, episode.reading.numbers["best_step"]) == (56, 24)


def test_samples_that_were_learned_and_nothing_else():
    episode = only(board(APART))
    assert (episode.level, episode.since) == ("caution", 48)  # flat, and no better than 0.8
    assert episode.reading.numbers["gap"] == pytest.approx(0.15 / 0.8)


def test_a_rise_of_little_account():
    valid = [0.5, 0.05, 0.04, 0.05, 0.055, 0.055, 0.06]
    assert only(board(valid, train=0.01)).level == "advisory"


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("still falling", {"valid": [1.0, 0.8, 0.7, 0.6, 0.5, 0.45]}),
        ("two bad evaluations", {"valid": [1.0, 0.6, 0.5, 0.9, 0.8, 0.5], "train": 0.2}),
        ("the training loss is no lower", {"valid": SICK, "train": 0.6}),
        ("high from the beginning", {"valid": [2.0, 2.0, 2.0, 2.1, 2.0], "train": 0.6}),
        ("it rests, near the training loss", {"valid": APART, "train": 0.5}),
        ("it rests, with little left to learn", {"valid": [0.25] * 8, "train": 0.01}),
        ("too few", {"valid": [0.5, 0.9, 0.9, 0.9]}),
        ("accuracies do not show it", {"valid": SICK, "name": "valid_accuracy"}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board(**kwargs)) == [], why


@pytest.mark.parametrize("first", [0.0, -1.0])
def test_shares_of_a_first_loss_that_is_not_positive_mean_nothing(first):
    user = {"valid_loss": {8 * (i + 1): value for i, value in enumerate(APART)}}
    found = board_of(NAME, views({"Loss": lambda i: 0.1 if i else first}, count=80), user=user)
    assert not found.errors
    assert shone(found) == []


def test_absent_without_evaluations():
    assert "valid_loss" in board_of(NAME, views({"Loss": 1.0})).absent[NAME]


def test_evaluations_that_come_late():
    assert NAME not in board(SICK).absent
