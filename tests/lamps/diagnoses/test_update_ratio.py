from __future__ import annotations

import dataclasses

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "update_ratio"


def steps(largest, smallest=1e-3, loss=2.0, count=32, lr=None):
    made = _steps(largest, smallest, loss, count)
    return made if lr is None else [dataclasses.replace(one, lr=lr) for one in made]


def _steps(largest, smallest, loss, count):
    return views(
        {"Loss": loss},
        {
            "update.ratio_max": largest,
            "update.ratio_min": smallest,
            "update.ratio_max_layer": "5.weight",
            "update.ratio_min_layer": "0.weight",
        },
        count=count,
    )


def falling(i):
    return 2 * 0.97**i


def test_a_fifth_of_a_layer_at_each_step_and_no_gain():
    episode = only(board_of(NAME, steps(0.2), {"planned_steps": 60}))
    assert (episode.level, episode.step) == ("caution", 19)  # a quarter of 60, five readings
    assert episode.reading.layers == ("5.weight",)
    assert episode.reading.suggestion.factor == pytest.approx(0.05)  # to 0.01


def test_something_to_know_while_the_loss_falls():
    assert only(board_of(NAME, steps(0.6, loss=falling))).level == "advisory"
    assert shone(board_of(NAME, steps(0.2, loss=falling))) == []


def test_layers_at_quite_different_paces():
    episode = only(board_of(NAME, steps(0.01, smallest=1e-8)))
    assert episode.level == "advisory"
    assert episode.reading.layers == ("5.weight", "0.weight")


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("as usual", {"largest": 0.01}),
        ("a layer that began at zero", {"largest": lambda i: 5.0 / (i + 1) ** 2}),
        ("a layer that does not learn: another lamp", {"largest": 0.01, "smallest": 0.0}),
        ("a pretrained trunk", {"largest": 0.02, "smallest": 1e-4, "lr": (1e-2, 1e-4)}),
        ("one rate, and layers that differ", {"largest": 0.02, "smallest": 1e-5, "lr": (0.1,)}),
        ("a trunk that is not to move", {"largest": 0.02, "smallest": 0.0, "lr": (1e-2, 0.0)}),
        ("too early for harm", {"largest": 0.2}),
        ("too few", {"largest": 0.5, "count": 10}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_one_layer_in_a_group_of_its_own_with_a_hundred_times_the_rate():
    episode = only(board_of(NAME, steps(0.2, loss=falling, lr=(0.01, 1.0))))
    assert (episode.level, episode.step) == ("caution", 7)  # four tracked steps, five readings
    assert episode.reading.numbers["rates"] == pytest.approx(100)
    assert episode.reading.layers == ("5.weight",)


def test_a_head_that_begins_at_zero_has_to_leap():
    made = steps(lambda i: 1 / (i + 1), loss=falling, lr=(1e-4, 0.01))
    first = {"model.zero_weights": ["5.weight"]}
    made[0] = dataclasses.replace(made[0], facts={**made[0].facts, **first})
    assert shone(board_of(NAME, made)) == []


def test_all_but_one_layer_stand_still():
    episode = only(board_of(NAME, steps(0.02, smallest=1e-5, loss=falling, lr=(0.01, 1e-5))))
    assert (episode.level, episode.step) == ("caution", 7)
    assert episode.reading.layers == ("5.weight", "0.weight")
