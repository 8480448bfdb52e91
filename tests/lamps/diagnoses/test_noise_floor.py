from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "noise_floor"


def steps(**changed):
    """From 2 down to 0.6 in 30 steps, then no further, with steps that overshoot."""
    given = {
        "loss": lambda i: max(2 * 0.96**i, 0.6),
        "alpha": 0.3,
        "noise": 0.95,
        "lr": 0.1,
        "count": 80,
    } | changed
    return views(
        {"Loss": given["loss"], "Alpha": given["alpha"], "NormTest": given["noise"]},
        lr=given["lr"],
        count=given["count"],
    )


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert episode.level == "advisory"
    # 0.6 is reached at step 30, and all of two windows of 16 lie behind it at step 61; the medians
    # are alike before, as soon as half of the first window does.
    assert 53 <= episode.step <= 64
    assert episode.reading.suggestion.factor == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("the loss still falls", {"loss": lambda i: 2 * 0.99**i}),
        ("it never fell", {"loss": 2.0}),
        ("the samples agree on where to go", {"noise": 0.3}),
        ("steps end before the minimum", {"alpha": -0.5}),
        ("the schedule is annealing already", {"lr": lambda i: 0.1 * 0.97**i}),
        ("too short a run", {"count": 30}),
    ],
)
def test_healthy(why, changed):
    assert shone(board_of(NAME, steps(**changed))) == [], why
