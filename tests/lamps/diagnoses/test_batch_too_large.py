from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "batch_too_large"


def steps(loss=lambda i: 2 * 0.98**i, noise=0.1, batch_size=512):
    return views({"Loss": loss, "NormTest": noise}, batch_size=batch_size)


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("advisory", 34)  # 32 tracked steps, four readings
    assert episode.reading.suggestion.factor == pytest.approx(1 / 16)  # not 0.01 / 0.99


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("noise enough", {"noise": 0.5}),
        ("at first all samples agree", {"loss": 2.0, "noise": lambda i: 0.1 if i < 30 else 0.5}),
        ("small batches cost little", {"batch_size": 16}),
        ("nothing learned yet", {"loss": 2.0}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why
