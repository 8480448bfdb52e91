from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "learning_rate_too_small"


def steps(
    decrease=1e-4, loss=2.0, noise=0.3, lr=1e-4, count=48, ratio=None, variance=None, alpha=None
):
    """1e-4 of a loss of 2 in each of 400 steps: R = 400 · 5e-5 = 0.02."""
    facts = {
        "update.decrease": decrease,
        "update.ratio_max": ratio,
        "loss.function": variance and "MSELoss",
        "targets.variance": variance,
    }
    values = {"Loss": loss, "NormTest": noise, "Alpha": alpha}
    return views(values, facts, lr=lr, count=count)


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("caution", 14)  # 3 % of 400 steps, three readings
    assert episode.reading.numbers["removable"] == pytest.approx(0.02)
    assert episode.reading.suggestion.factor == pytest.approx(50)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("R = 0.5", {"decrease": 2.5e-3}),
        ("steps uphill: another fault", {"decrease": -1e-4}),
        ("nothing but noise", {"noise": 1.0}),
        ("the loss has fallen already", {"loss": lambda i: 2.0 if i < 4 else 0.5}),
        ("a plateau at the beginning: R = 0.4", {"decrease": 2e-3, "noise": 0.8, "ratio": 2e-3}),
        ("noise, but the weights move", {"noise": 1.0, "ratio": 1e-3}),
        (
            "noise, and the loss has fallen",
            {
                "noise": 1.0,
                "ratio": 1e-5,
                "loss": lambda i: 2.0 if i < 4 else 1.6,
            },
        ),
        ("trained before: the loss of chance is 4", {"variance": 4.0}),
        (
            "it has come down to chance, and rests there",
            {
                "decrease": 3e-3,
                "loss": lambda i: 2.5 if i < 2 else 2.0,
                "variance": 1.97,
                "ratio": 0.02,
            },
        ),
        ("a warm-up", {"lr": lambda i: 1e-5 * (i + 1)}),
        (
            "a schedule that decays",
            {"lr": lambda i: 0.8**i, "decrease": lambda i: 5e-3 * 0.8**i},
        ),
        (
            "a decay: at its height R was 4, and is",
            {"lr": lambda i: 0.9**i, "decrease": lambda i: 2e-2 * 0.9**i},
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


@pytest.mark.parametrize(
    ("why", "kwargs", "since"),
    [
        ("nothing but noise, and the weights rest", {"noise": 1.0, "ratio": 1e-5}, 12),
        ("R = 0.4, and the weights hardly move", {
            "decrease": 2e-3, "noise": 0.8, "ratio": 5e-4,
        }, 12),
        ("R = 0.6, all agree, and the loss falls slowly", {
            "decrease": 3e-3, "loss": lambda i: 2 * 0.999**i, "ratio": 1.0,
        }, 34),
    ],
)  # fmt: skip
def test_less_slow(why, kwargs, since):
    assert only(board_of(NAME, steps(**kwargs))).since == since, why


def test_a_warm_up_that_is_over():
    """Steps of the warm-up count as if they had the rate at its end."""
    rising = {"lr": lambda i: min(i + 1, 20) * 1e-5, "decrease": lambda i: min(i + 1, 20) * 5e-6}
    episode = only(board_of(NAME, steps(**rising)))
    assert episode.since == 20
    assert episode.reading.numbers["removable"] == pytest.approx(0.02)


TIMID = {
    "decrease": 0.01, "ratio": 2e-3, "variance": 2.0, "alpha": -0.8, "count": 80,
    "loss": lambda i: 2.0 * 0.995**i,
}  # fmt: skip


def test_timid_steps():
    """R = 2: enough, if the loss were to be had; a reach of 0.8 of a layer's length."""
    episode = only(board_of(NAME, steps(**TIMID)))
    assert (episode.level, episode.step) == ("caution", 62)  # 15 % of 400 steps, three readings
    assert episode.reading.numbers["reach"] == pytest.approx(0.8)
    assert episode.reading.suggestion.factor == 10


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("steps to near the minimum", {"alpha": -0.4}),
        ("they carry far", {"ratio": 3e-3}),
        ("most is learned", {"loss": lambda i: 2.0 if i < 4 else 0.7}),
        ("chance is not known, it may be trained already", {"variance": None}),
        ("too early", {"count": 60}),
    ],
)
def test_steps_that_are_not_timid(why, changed):
    assert shone(board_of(NAME, steps(**TIMID | changed))) == [], why
