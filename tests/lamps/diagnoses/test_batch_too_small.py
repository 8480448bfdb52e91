from __future__ import annotations

import pytest

from cockpit.lamps import get
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


def tiny(loss=2.0, size=1, facts=None, count=80):
    return views({"Loss": loss}, facts, batch_size=size, count=count)


def noise(i):
    return 2.0 + [1.0, -0.8, 0.3, -0.5][i % 4]


COUPLED = {"model.modules_bn": 2, "model.training": True, "inputs.shape": lambda i: [2, 1, 8, 8]}
TEXT = {"targets.dtype": "int64", "targets.shape": lambda i: [1, 512]}


def test_single_samples_that_teach_nothing():
    episode = only(board_of(NAME, tiny(noise)))
    assert (episode.level, episode.step) == ("caution", 63)  # 15 % of 400, four readings
    assert episode.reading.numbers["loss_left"] == pytest.approx(1)
    assert episode.reading.suggestion.factor == 16


@pytest.mark.parametrize(("left", "expected"), [(0.7, [163]), (0.5, [])])
def test_single_samples_that_teach_little(left, expected):
    run = tiny(lambda i: noise(i) * (1 if i < 20 else left), count=180)
    lit = [episode for episode in board_of(NAME, run).lit if episode.level == "caution"]
    assert [episode.step for episode in lit] == expected  # 40 % of 400, four readings


def test_without_a_plan_it_waits():
    assert only(board_of(NAME, tiny(noise), {"planned_steps": None})).step == 66


def test_batch_normalization_of_two_samples():
    episode = only(board_of(NAME, tiny(lambda i: 2 * 0.9**i, size=2, facts=COUPLED, count=8)))
    assert (episode.level, episode.step) == ("caution", 3)
    assert "batch normalization" in episode.reading.evidence


def test_explains_what_comes_of_it():
    names = {"wrong_labels", "noisy_labels", "update_ratio", "learning_rate_too_large"}
    assert names <= set(get(NAME).inhibits)


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("single samples, and it learns", {"loss": lambda i: noise(i) * 0.98**i}),
        ("three samples", {"loss": noise, "size": 3}),
        ("a text has labels enough", {"loss": noise, "facts": TEXT}),
        ("too early", {"loss": noise, "count": 62}),
        ("large pictures", {"size": 2, "count": 8,
                            "facts": COUPLED | {"inputs.shape": lambda i: [2, 3, 256, 256]}}),
        ("batch normalization at rest", {"size": 2, "count": 8,
                                         "facts": COUPLED | {"model.evaluating": lambda i: ["1"]}}),
        ("batches of four", {"size": 4, "count": 8, "facts": COUPLED}),
        ("trained before", {"loss": noise,
                            "facts": {"loss.function": "MSELoss", "targets.variance": 8.0}}),
    ],
)  # fmt: skip
def test_healthy_small_batches(why, kwargs):
    assert shone(board_of(NAME, tiny(**kwargs))) == [], why
