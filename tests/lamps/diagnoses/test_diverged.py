from __future__ import annotations

import math

import numpy as np
import pytest

from tests.lamps.hand_made import board_of, shone, views

NAME = "diverged"


def lit(loss, facts=None, count=24):
    return shone(board_of(NAME, views({"Loss": loss}, facts, count=count)))


def test_a_loss_ten_times_its_start():
    (episode,) = lit(lambda i: 2.0 if i < 10 else 20.0)
    assert (episode.since, episode.step) == (12, 14)  # from the third of five on
    assert episode.reading.numbers["ratio"] == pytest.approx(10)
    assert episode.reading.numbers["threshold"] == 3
    assert episode.reading.suggestion.factor == pytest.approx(0.1)


def test_growth_by_four_each_step():
    """Typical jumps are log 4, so 4⁵ times the first loss is demanded."""
    (episode,) = lit(lambda i: 2.0 * 4.0**i)
    assert episode.step <= 10


def test_no_number_after_finite_inputs():
    (episode,) = lit(
        lambda i: 2.0 if i < 3 else math.nan,
        {"inputs.nonfinite": 0, "outputs.nonfinite": lambda i: 0 if i < 3 else 640},
    )
    assert (episode.since, episode.step) == (3, 5)
    assert episode.reading.suggestion.change == "stop"


@pytest.mark.parametrize(("every", "told"), [(1, False), (10, True)])
def test_what_happened_between_tracked_steps_is_not_known(every, told):
    losses = views({"Loss": lambda i: 2.0 / (i + 1) if i < 3 else math.nan}, every=every)
    (episode,) = shone(board_of(NAME, losses))
    assert ("0.6667 at step 20: if it has not grown" in episode.reading.evidence) is told


def test_no_number_where_nothing_but_the_loss_is_tracked():
    (episode,) = lit(lambda i: 2.0 if i < 3 else math.inf)
    assert (episode.since, episode.step) == (3, 5)


@pytest.mark.parametrize(
    ("why", "loss", "facts"),
    [
        ("a good run", lambda i: 2 * 0.9**i, None),
        ("a loss that rises by half", lambda i: 2.0 + min(i, 10) / 10, None),
        ("one bad batch in ten", lambda i: 100.0 if i % 10 == 5 else 2.0, None),
        ("a negative loss", lambda i: -2.0 - i, None),
        (
            "bad inputs once: all weights are NaN from then on, and that is why",
            lambda i: 2.0 if i < 3 else math.nan,
            {"inputs.nonfinite": lambda i: int(i == 3), "outputs.nonfinite": 640},
        ),
        (
            "good outputs and a bad loss: the loss function's fault",
            lambda i: math.nan if i == 5 else 2.0,
            {"inputs.nonfinite": 0, "outputs.nonfinite": 0},
        ),
    ],
)
def test_healthy(why, loss, facts):
    assert lit(loss, facts) == [], why


def test_noise_by_factors_is_no_divergence():
    """Losses that jump by factors of 3 from batch to batch, after a first one that was small."""
    noise = np.exp(1.1 * np.random.default_rng(0).standard_normal(400))
    assert lit([0.2, *noise], count=401) == []
