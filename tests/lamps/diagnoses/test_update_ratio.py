from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "update_ratio"


def steps(largest, smallest=1e-3, loss=2.0, count=32):
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
    episode = only(board_of(NAME, steps(0.2)))
    assert (episode.level, episode.step) == ("caution", 15)  # 12 tracked steps, five readings
    assert episode.reading.layers == ("5.weight",)
    assert episode.reading.suggestion.factor == pytest.approx(0.05)  # to 0.01


def test_something_to_know_while_the_loss_falls():
    assert only(board_of(NAME, steps(0.2, loss=falling))).level == "advisory"


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
        ("too few", {"largest": 0.5, "count": 10}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why
