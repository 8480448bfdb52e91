from __future__ import annotations

import numpy as np
import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "oscillation"


def steps(alpha=1.0, loss=1.0, noise=0.3, decrease=0.1, every=1):
    return views(
        {"Alpha": alpha, "Loss": loss, "NormTest": noise},
        {"update.decrease": decrease},
        every=every,
    )


def test_from_wall_to_wall_and_no_lower():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("advisory", 17)  # two windows, three readings
    assert episode.reading.numbers["signal"] == pytest.approx(0.91)


def test_up_and_down_in_turn():
    board = board_of(NAME, steps(loss=lambda i: (1.0 + 0.2 * (i % 2)) * 0.95**i, decrease=0.02))
    assert only(board).reading.numbers["turns"] == 1.0


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("steps end near the minimum", {"alpha": 0.1}),
        ("now short, now far", {"alpha": lambda i: [-0.5, 2.5, 1.0, 0.2][i % 4]}),
        ("noise turns the steps around", {"noise": 0.9}),
        ("the loss falls", {"loss": lambda i: 0.95**i, "decrease": lambda i: 0.1 * 0.95**i}),
        ("steps that promise nothing", {"decrease": 1e-4}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_differences_of_noise_turn_in_two_of_three_cases_only():
    noise = np.random.default_rng(1).standard_normal(48)
    losses = [float(x) for x in 0.93 ** np.arange(48) * (1 + 0.1 * noise)]
    assert shone(board_of(NAME, steps(loss=losses, decrease=0.02))) == []
