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
        (0.95, lambda i: max(2 * 0.9**i, 1.0), "caution"),
        (0.6, lambda i: 2.0 if i == 0 else 0.02, "advisory"),  # it has fitted its data
    ],
)
def test_sick(share, loss, level):
    episode = board_of(NAME, steps(share, loss=loss, count=40)).lit[0]
    last = board_of(NAME, steps(share, loss=loss, count=40)).course
    assert episode.reading.layers == ("0",)
    if not callable(loss) or level == "advisory":
        assert episode.level == level
    else:  # a warning at first; what it is by now, a reading says
        from cockpit.lamps import get

        assert get(NAME)(last).level == level


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
