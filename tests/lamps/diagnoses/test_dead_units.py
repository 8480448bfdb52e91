from __future__ import annotations

import pytest

from tests.lamps.hand_made import HEADER, board_of, only, shone, views

NAME = "dead_units"
SAME_FOR_ALL = {
    "outputs.min": -1.0, "outputs.max": 1.0, "outputs.spread": 0.0,
    "inputs.shape": lambda i: [64, 20],
}  # fmt: skip


def steps(first, last=0.0, loss=2.0, count=24, batch_size=64, second=0.1):
    facts = {"units.0.dead": first, "units.1.dead": second, "units.2.dead": last}
    return views({"Loss": loss}, facts, count=count, batch_size=batch_size)


def header(units):
    layers = [{**layer} for layer in HEADER["layers"]]
    layers[0]["shape"] = [units, 20]
    return {"layers": layers}


@pytest.mark.parametrize(
    ("share", "loss", "level"),
    [
        (0.95, 2.0, "warning"),
        (0.86, 2.0, "caution"),
        (0.95, lambda i: 2.0 if i == 0 else 1.2, "advisory"),  # it learns without them
    ],
)
def test_born_dead(share, loss, level):
    episode = only(board_of(NAME, steps(share, loss=loss)))
    assert (episode.level, episode.step) == (level, 5)  # four tracked steps, three readings
    assert episode.reading.layers == ("0",)


@pytest.mark.parametrize(
    ("units", "share", "found"),
    [
        (16, 0.62, False),  # of a healthy run's channels
        (16, 0.87, False),  # half and three standard deviations: 0.875
        (16, 0.88, True),
        (48, 0.54, False),  # of a healthy run's last hidden layer, when it began
        (100, 0.75, True),  # of the benchmark's fault
        (250, 0.69, False),
    ],
)
def test_half_of_the_units_may_be_dead_by_chance(units, share, found):
    assert bool(shone(board_of(NAME, steps(share), header(units)))) == found


def test_those_that_die_leave_the_first_word_to_the_learning_rate():
    episode = only(board_of(NAME, steps(lambda i: 0.1 if i < 2 else 0.95)))
    assert (episode.level, episode.step) == ("warning", 21)


def test_a_wide_layer_may_be_meant_to_be_sparse():
    board = board_of(NAME, steps(0.9), header(4 * 64 + 1))
    assert only(board).step == 21  # unless the loss stays
    learns = steps(0.9, loss=lambda i: 2 * 0.98**i)
    assert shone(board_of(NAME, learns, header(257))) == []


def test_the_layer_nearest_to_the_output_is_to_blame():
    episode = only(board_of(NAME, steps(1.0, second=1.0)))
    assert episode.reading.layers == ("1",)


def test_a_blocked_layer_is_the_reason_for_constant_outputs():
    facts = {
        "units.0.dead": 1.0,
        "units.1.dead": 0.3,
        "units.2.dead": 0.0,
        **SAME_FOR_ALL,
    }
    board = board_of([NAME, "constant_output"], views({"Loss": 2.0}, facts, count=3))
    assert [(e.lamp, e.step, e.cause) for e in board.lit] == [
        (NAME, 2, None), ("constant_output", 2, NAME),
    ]  # fmt: skip


def test_the_last_hidden_layer_may_be_set_to_zero_behind_itself():
    facts = {
        "units.0.dead": 1.0,
        "units.1.dead": 1.0,
        "units.2.dead": 0.0,
        **SAME_FOR_ALL,
    }
    board = board_of([NAME, "constant_output"], views({"Loss": 2.0}, facts, count=6))
    assert [(e.lamp, e.step) for e in board.lit] == [(NAME, 5), ("constant_output", 2)]


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("as in healthy runs", {"first": 0.31}),
        ("other units each time", {"first": lambda i: 0.9 if i % 2 else 0.2}),
        ("the last layer does not count", {"first": 0.1, "last": 0.9}),
        ("outputs that are cut off have lamps of their own", {"first": 1.0, "last": 1.0}),
        ("a last layer that begins at zero", {"first": lambda i: float(i == 0)}),
        ("four samples use few units", {"first": 0.9, "batch_size": 4}),
        (
            "trained networks are sparse",
            {"first": lambda i: i / 24, "loss": lambda i: 2 * 0.9**i},
        ),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_absent_without_output_gradients():
    board = board_of(NAME, views({"Loss": 2.0}))
    assert "not tracked" in board.absent[NAME]
