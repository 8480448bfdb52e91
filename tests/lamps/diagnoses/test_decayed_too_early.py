from __future__ import annotations

import math

import pytest

from cockpit.lamps import get
from tests.lamps.hand_made import board_of, only, shone, views

NAME = "decayed_too_early"


def steps(lr, decrease=lambda i: 1e-6, loss=1.0, noise=0.3, count=48):
    return views(
        {"Loss": loss, "NormTest": noise}, {"update.decrease": decrease}, lr=lr, count=count
    )


def halving(i):
    return 0.1 * 0.5 ** (i // 4)


def test_sick():
    episode = only(board_of(NAME, steps(halving)))
    assert episode.level == "caution"
    assert (episode.since, episode.step) == (26, 27)  # 2⁻⁶, from 24 on, is below 0.03; three steps
    assert episode.reading.suggestion.value == pytest.approx(0.1)


def test_much_of_the_run_is_to_come_and_the_batches_agree_on_nothing():
    noisy = steps(lambda i: 0.1 if i < 20 else 1e-4, noise=1.0)
    assert only(board_of(NAME, noisy)).since == 28  # 2 % of 400 steps
    cosine = steps(lambda i: 0.05 * (1 + math.cos(math.pi * i / 120)), noise=1.0, count=120)
    assert shone(board_of(NAME, cosine)) == []  # the end of a first cycle
    low = steps(lambda i: 0.1 if i < 20 else 1e-4, noise=1.0, loss=lambda i: 1.0 if i < 5 else 0.05)
    assert shone(board_of(NAME, low)) == []


def test_zero_from_the_first_step_on():
    episode = only(board_of(NAME, views({"Loss": 2.0}, lr=0.0)))
    assert episode.step == 8  # eight tracked steps, two readings
    assert episode.reading.suggestion.value is None


@pytest.mark.parametrize(
    ("why", "steps", "planned"),
    [
        ("constant", steps(0.1), 400),
        ("a step of the schedule", steps(lambda i: 0.1 if i < 20 else 0.01), 400),
        ("a warm-up from 0", steps(lambda i: 0.01 * i), 400),
        ("it decays on: the end of a first cycle", steps(lambda i: 0.6**i, count=14), 400),
        ("near the end of the run", steps(halving), 34),
        ("the steps still do something", steps(halving, decrease=0.01), 400),
        ("nothing but noise is left", steps(halving, noise=1.0), 60),
        ("cycles come back", steps(lambda i: [0.1, 0.001][i // 4 % 2]), 400),
        ("no plan, no end", steps(halving), None),
    ],
)
def test_healthy(why, steps, planned):
    found = shone(board_of(NAME, steps, {"planned_steps": planned}))
    assert found == [], why


def test_after_six_steps_and_far_apart():
    """As by a schedule in epochs that is asked in steps; the first steps count once."""
    lit = only(board_of(NAME, steps(lambda i: 0.1 if i < 6 else 1e-4)))
    assert lit.step == 9  # three tracked steps, two readings


def test_explains_what_does_not_come_of_it():
    assert {"learning_rate_too_small", "noisy_labels", "wrong_labels"} <= set(get(NAME).inhibits)
