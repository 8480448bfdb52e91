from __future__ import annotations

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "learning_rate_too_large"


def bouncing(loss, *, alpha=0.5, decrease=0.4, noise=0.3, count=48, every=1):
    """Steps that promise 0.4 of a loss of about 2, i.e. q = 0.2, with s = 1 − 0.3² = 0.91."""
    return views(
        {"Loss": loss, "Alpha": alpha, "NormTest": noise},
        {"update.decrease": decrease},
        count=count,
        every=every,
    )


def rising(i):
    return 2.0 + 0.1 * (i > 0)


def test_long_steps_and_a_loss_above_its_start():
    episode = only(board_of(NAME, bouncing(rising)))
    assert (episode.level, episode.step) == ("warning", 17)  # 16 tracked steps, three readings
    assert episode.reading.numbers["alpha"] == 0.5
    assert episode.reading.numbers["share"] == pytest.approx(0.91 * 0.4 / 2.1)
    assert episode.reading.numbers["loss_left"] == pytest.approx(1.05)
    assert episode.reading.suggestion.change == "lr"
    assert episode.reading.suggestion.factor == pytest.approx(1 / 3)


def test_it_stays_lit_when_the_loss_is_no_number_any_more():
    """What says nothing of it any more, as there are no finite losses, puts out nothing."""
    lost = views(
        {
            "Loss": lambda i: rising(i) if i < 24 else float("nan"),
            "Alpha": lambda i: 0.5 if i < 24 else float("nan"),
            "NormTest": 0.3,
        },
        {"update.decrease": lambda i: 0.4 if i < 24 else None},
        count=120,
    )
    assert only(board_of(NAME, lost)).level == "warning"


def test_a_loss_that_stands_still_below_its_start():
    board = board_of(NAME, bouncing(lambda i: 2.0 if i < 2 else 1.9))
    assert only(board).level == "warning"
    assert "0.95 × its first value" in only(board).reading.evidence


def test_a_loss_that_rests_at_chance_far_below_its_start():
    """As a language model's: its first loss is that of all characters alike, chance is less."""
    facts = {"loss.function": "MSELoss", "targets.variance": 1.5, "update.decrease": 0.3}
    resting = {"Loss": lambda i: 2.0 if i < 2 else 1.45, "Alpha": 0.4, "NormTest": 0.3}
    episode = only(board_of(NAME, views(resting, facts)))
    assert (episode.level, episode.reading.numbers["loss_left"]) == (
        "caution",
        pytest.approx(0.97, abs=0.01),
    )
    unknown = views(resting, facts | {"targets.variance": None})
    assert shone(board_of(NAME, unknown)) == []


def swinging(height, decrease=0.1, count=80):
    """A loss that has fallen to 0.5, and rises to a height for 20 steps in the middle."""
    return views(
        {"Loss": lambda i: 2.0 if i < 2 else height if 40 <= i < 60 else 0.5,
         "Alpha": -0.3, "NormTest": 0.3},
        {"update.decrease": decrease},
        count=count,
    )  # fmt: skip


def test_a_loss_that_rises_again():
    episode = only(board_of(NAME, swinging(0.8, count=52)))
    assert episode.level == "caution"
    assert episode.reading.numbers["rise"] == pytest.approx(0.15)  # 0.3 of 2.0
    assert 43 <= episode.since <= 46  # once half of the window is higher


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("a small rise", {"height": 0.65}),
        (
            "steps that promise nothing: another loss, other data",
            {"height": 0.8, "decrease": 0.005},
        ),
        ("not for long enough", {"height": 0.8, "count": 43}),
    ],
)
def test_a_loss_that_may_rise(why, kwargs):
    assert shone(board_of(NAME, swinging(**kwargs))) == [], why


LEAP = [2.1, 2.1, 2.0, 1.9, 1.8, 1.5, 1.6, 2.4, 4.3]


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("the loss falls by 2 % a step: good runs overshoot", {"loss": lambda i: 2 * 0.98**i}),
        ("steps end before the minimum", {"loss": 2.1, "alpha": -0.5}),
        ("tiny steps overshoot freely", {"loss": 2.1, "decrease": 0.001}),
        ("nothing but noise: the samples agree on nothing", {"loss": 2.1, "noise": 1.05}),
        ("far below the start: the noise floor", {"loss": lambda i: 2.0 if i < 2 else 1.2}),
        ("a pause of the first descent", {"loss": lambda i: 2.0 if i < 2 else 1.7}),
        ("a negative loss has no shares", {"loss": lambda i: -2.0}),
        (
            "a single leap, back to the start",
            {
                "loss": lambda i: LEAP[i - 16] if 16 <= i < 16 + len(LEAP) else 2.3,
                "decrease": lambda i: 0.8 if 19 <= i < 25 else 0.001,
            },
        ),
        ("too few", {"loss": 2.1, "count": 17}),
        (
            "a loss that is no number: another lamp",
            {"loss": lambda i: 2.0 if i < 4 else float("nan")},
        ),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, bouncing(**kwargs))) == [], why


def test_less_is_enough_where_each_step_ends_higher():
    small = {"loss": rising, "decrease": 0.04, "every": 5}  # 1.7 % of the loss
    assert only(board_of(NAME, bouncing(alpha=1.5, **small)))
    assert shone(board_of(NAME, bouncing(alpha=0.8, **small))) == []


def leap(after, promise=4.0, guess=None):
    """Two steps out of bounds, then outputs that are all alike: nothing moves any more."""
    return views(
        {
            "Loss": lambda i: [2.3, 40.0, 9.0][i] if i < 3 else after,
            "Alpha": lambda i: 30.0 if i < 2 else -0.9,
            "NormTest": lambda i: 0.2 if i < 3 else 1.0,
        },
        {
            "update.decrease": lambda i: promise if i < 3 else 0.0001,
            "loss.function": "MSELoss",
            "targets.variance": guess,
        },
    )


def test_thrown_off_by_the_first_step():
    episode = only(board_of(NAME, leap(after=2.31)))
    assert (episode.step, episode.level) == (17, "warning")
    assert "ended higher than it began" in episode.reading.evidence
    assert episode.reading.suggestion.factor == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [("it has recovered", {"after": 1.5}), ("a small step", {"after": 2.31, "promise": 0.1})],
)
def test_not_thrown_off(why, kwargs):
    assert shone(board_of(NAME, leap(**kwargs))) == [], why


def test_chance_may_be_below_the_start():
    assert only(board_of(NAME, leap(after=1.5, guess=1.5)))


def exploding(losses, promise=4.0, guess=None, count=12):
    return views(
        {"Loss": losses, "Alpha": 0.3, "NormTest": 0.2},
        {
            "update.decrease": promise,
            "loss.function": "MSELoss",
            "targets.variance": guess,
        },
        count=count,
    )


def doubling(i):
    return 2.0 * 2**i


def test_a_loss_that_explodes_at_once():
    """The cause is lit no later than its consequence."""
    board = board_of([NAME, "diverged"], exploding(doubling))
    (cause,) = [e for e in board.lit if e.lamp == NAME]
    (effect,) = [e for e in board.lit if e.lamp == "diverged"]
    assert (cause.step, cause.level) == (5, "warning")  # the median of three: 3 ×, three readings
    assert cause.step <= effect.step
    assert effect.cause == NAME


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("short steps: something else", {"losses": doubling, "promise": 0.01}),
        ("the first record was an easy one", {"losses": lambda i: 2.0 + 6 * (i > 0), "guess": 8.0}),
        ("a single spike", {"losses": lambda i: 50.0 if i == 3 else 2.0}),
    ],
)
def test_does_not_explode(why, kwargs):
    assert shone(board_of(NAME, exploding(**kwargs))) == [], why


def dying(loss, promise=1.0):
    return views(
        {"Loss": loss, "Alpha": -0.5, "NormTest": 0.3},
        {
            "update.decrease": promise,
            "units.0.dead": lambda i: 0.1 if i < 6 else 0.8,
            "units.1.dead": 0.1,
        },
    )


def test_long_steps_that_kill_units():
    episode = only(board_of(NAME, dying(loss=lambda i: 2.0 if i < 4 else 1.8)))
    assert (episode.level, episode.step) == ("warning", 17)
    assert episode.reading.layers == ("0",)
    assert episode.reading.numbers["share"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("it does without them", {"loss": lambda i: 2.0 if i < 4 else 0.8}),
        ("they died of something else", {"loss": 2.0, "promise": 0.02}),
    ],
)
def test_units_that_die_otherwise(why, kwargs):
    assert shone(board_of(NAME, dying(**kwargs))) == [], why


def test_goes_out_when_the_loss_falls():
    board = board_of(NAME, bouncing(lambda i: rising(i) if i < 20 else 2.1 * 0.9 ** (i - 19)))
    (episode,) = board.past
    assert not board.lit
    assert episode.until < 40
