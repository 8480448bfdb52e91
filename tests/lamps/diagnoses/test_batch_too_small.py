from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "batch_too_small"


def steps(loss=lambda i: 2.0 if i < 8 else 1.6, noise=0.98, facts=None):
    return views({"Loss": loss, "NormTest": noise}, facts, batch_size=8)


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert episode.level == "advisory"
    assert episode.reading.suggestion.change == "batch_size"
    assert episode.reading.suggestion.factor == pytest.approx(16)  # not (1 − s) / s = 24


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("signal enough", {"noise": 0.9}),
        ("the loss falls all the same", {"loss": lambda i: 2 * 0.99**i}),
        ("near its minimum noise always wins", {"loss": lambda i: 2.0 if i < 8 else 0.5}),
        (
            "at chance: it may be the targets",
            {"facts": {"loss.function": "MSELoss", "targets.variance": 1.6}},
        ),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why
