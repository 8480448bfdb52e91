from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "learning_rate_too_small"


def steps(decrease=1e-4, loss=2.0, noise=0.3, lr=1e-4, count=48):
    """1e-4 of a loss of 2 in each of 400 steps: R = 400 · 5e-5 = 0.02."""
    return views(
        {"Loss": loss, "NormTest": noise}, {"update.decrease": decrease}, lr=lr, count=count
    )


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("caution", 13)  # 12 tracked steps, three readings
    assert episode.reading.numbers["removable"] == pytest.approx(0.02)
    assert episode.reading.suggestion.factor == pytest.approx(50)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("R = 0.5", {"decrease": 2.5e-3}),
        ("steps uphill: another fault", {"decrease": -1e-4}),
        ("nothing but noise", {"noise": 1.0}),
        ("the loss has fallen already", {"loss": lambda i: 2.0 if i < 4 else 0.5}),
        ("a warm-up", {"lr": lambda i: 1e-5 * (i + 1)}),
        (
            "a schedule that decays",
            {"lr": lambda i: 0.8**i, "decrease": lambda i: 5e-3 * 0.8**i},
        ),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_the_second_half_of_a_run_is_not_judged():
    late = steps(decrease=lambda i: 2.5e-3 if i < 30 else 1e-5, count=80)
    assert shone(board_of(NAME, late, {"planned_steps": 60})) == []


def test_absent_without_a_plan():
    board = board_of(NAME, steps(), {"planned_steps": None})
    assert shone(board) == []
    assert "planned_steps" in board.absent[NAME]
