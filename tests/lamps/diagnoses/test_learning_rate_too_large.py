from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "learning_rate_too_large"


def bouncing(loss, *, alpha=1.2, decrease=0.4, noise=0.3, count=48):
    """Steps that promise 0.4 of a loss of about 2, i.e. q = 0.2, with s = 1 − 0.3² = 0.91."""
    return views(
        {"Loss": loss, "Alpha": alpha, "NormTest": noise},
        {"update.decrease": decrease},
        count=count,
    )


def test_long_steps_and_a_loss_above_its_start():
    episode = only(board_of(NAME, bouncing(lambda i: 2.0 + 0.1 * (i > 0))))
    assert episode.level == "warning"
    assert episode.step == 11 + 2  # 12 tracked steps, then three readings
    assert episode.reading.numbers["alpha"] == 1.2
    assert episode.reading.numbers["share"] == pytest.approx(0.91 * 0.4 / 2.1)
    assert episode.reading.numbers["loss_left"] == pytest.approx(1.05)
    assert episode.reading.suggestion.change == "lr"
    assert episode.reading.suggestion.factor == pytest.approx(1 / 3)


@pytest.mark.parametrize(("level", "expected"), [(1.8, "warning"), (1.2, "caution")])
def test_a_loss_that_stands_still_though_the_steps_promise_much(level, expected):
    board = board_of(NAME, bouncing(lambda i: 2.0 if i < 2 else level))
    assert only(board).level == expected
    assert "fell by 0.0% in 8 steps" in only(board).reading.evidence


def test_a_loss_that_is_no_number_any_more_says_nothing_here():
    views_ = bouncing(lambda i: 2.0 if i < 4 else float("nan"))
    assert shone(board_of(NAME, views_)) == []


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("the loss falls by 5 % a step: good runs overshoot", {"loss": lambda i: 2 * 0.95**i}),
        ("steps end before the minimum", {"loss": 2.1, "alpha": -0.5}),
        ("tiny steps overshoot freely", {"loss": 2.1, "decrease": 0.001}),
        ("nothing but noise: the samples agree on nothing", {"loss": 2.1, "noise": 1.05}),
        ("far below the start: the noise floor", {"loss": lambda i: 2.0 if i < 2 else 0.5}),
        ("a negative loss has no shares", {"loss": lambda i: -2.0}),
        ("ten steps are too few", {"loss": 2.1, "count": 10}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, bouncing(**kwargs))) == [], why


def test_less_is_enough_where_each_step_ends_higher():
    small = {"loss": lambda i: 2.0 + 0.1 * (i > 0), "decrease": 0.05}  # 2.2 % of the loss
    assert only(board_of(NAME, bouncing(alpha=1.5, **small)))
    assert shone(board_of(NAME, bouncing(alpha=0.8, **small))) == []


def test_thrown_off_by_the_first_step():
    """A leap into outputs that are all alike: chance, and nothing moves any more."""

    def steps(after):
        return views(
            {
                "Loss": lambda i: [2.3, 40.0, 9.0][i] if i < 3 else after,
                "Alpha": lambda i: 30.0 if i < 2 else -0.9,
                "NormTest": lambda i: 0.2 if i < 3 else 1.0,
            },
            {"update.decrease": lambda i: 4.0 if i < 3 else 0.0001},
        )

    episode = only(board_of(NAME, steps(after=2.31)))
    assert (episode.step, episode.level) == (17, "warning")  # a caution at first
    assert "ended higher than it began" in episode.reading.evidence
    assert shone(board_of(NAME, steps(after=1.5))) == []  # it has recovered


def test_goes_out_when_the_loss_falls():
    def loss(i):
        return 2.0 + 0.1 * (i > 0) if i < 20 else 2.1 * 0.9 ** (i - 19)

    board = board_of(NAME, bouncing(loss))
    (episode,) = board.past
    assert not board.lit
    assert episode.until < 40
