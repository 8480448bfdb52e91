from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "dead_units"


def steps(first, last=0.0, loss=2.0, count=24, batch_size=64, second=0.1):
    facts = {"units.0.dead": first, "units.1.dead": second, "units.2.dead": last}
    return views({"Loss": loss}, facts, count=count, batch_size=batch_size)


@pytest.mark.parametrize(
    ("share", "loss", "level"),
    [
        (0.95, 2.0, "warning"),
        (0.6, 2.0, "caution"),
        (0.95, lambda i: 2.0 if i == 0 else 1.2, "advisory"),  # it learns without them
    ],
)
def test_born_dead(share, loss, level):
    episode = only(board_of(NAME, steps(share, loss=loss)))
    assert (episode.level, episode.step) == (level, 5)  # four tracked steps, three readings
    assert episode.reading.layers == ("0",)


def test_those_that_die_leave_the_first_word_to_the_learning_rate():
    episode = only(board_of(NAME, steps(lambda i: 0.1 if i < 2 else 0.95)))
    assert (episode.level, episode.step) == ("warning", 21)


def test_the_layer_nearest_to_the_output_is_to_blame():
    episode = only(board_of(NAME, steps(1.0, second=1.0)))
    assert episode.reading.layers == ("1",)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("as in healthy runs", {"first": 0.31}),
        ("other units each time", {"first": lambda i: 0.7 if i % 2 else 0.2}),
        ("the last layer does not count", {"first": 0.1, "last": 0.9}),
        ("four samples use few units", {"first": 0.7, "batch_size": 4}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_absent_without_output_gradients():
    board = board_of(NAME, views({"Loss": 2.0}))
    assert "not tracked" in board.absent[NAME]
