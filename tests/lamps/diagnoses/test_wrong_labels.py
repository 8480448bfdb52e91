from __future__ import annotations

import math

import pytest

from tests.lamps.hand_made import board_of, only, shone, views

NAME = "wrong_labels"
CHANCE = math.log(4)  # four classes of the same size


def steps(**changed):
    given = {
        "loss": CHANCE * 1.02,
        "noise": 0.99,
        "spread": 0.3,
        "counts": [16, 16, 16, 16],
        "function": "CrossEntropyLoss",
        "count": 60,
    } | changed
    return views(
        {"Loss": given["loss"], "NormTest": given["noise"]},
        {
            "loss.function": given["function"],
            "targets.counts": given["counts"] and (lambda i: given["counts"]),
            "targets.variance": given.get("variance"),
            "outputs.spread": given["spread"],
        },
        count=given["count"],
    )


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("caution", 25)  # 24 tracked steps, three readings
    assert episode.reading.numbers["chance"] == pytest.approx(CHANCE)
    assert episode.reading.numbers["signal"] == pytest.approx(1 - 0.99**2)


@pytest.mark.parametrize(
    ("function", "variance", "loss"),
    [
        ("MSELoss", 4.0, 4.1),
        ("BCEWithLogitsLoss", 0.25, math.log(2)),
        ("BCELoss", 0.09, 0.3251),  # p = 0.1
    ],
)
def test_other_losses_have_another_chance(function, variance, loss):
    changed = {"function": function, "counts": None, "variance": variance}
    assert only(board_of(NAME, steps(loss=loss, **changed)))
    assert shone(board_of(NAME, steps(loss=loss / 2, **changed))) == []


def test_one_class_is_more_frequent():
    loss = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))
    assert only(board_of(NAME, steps(counts=[70, 30], loss=loss)))
    assert shone(board_of(NAME, steps(counts=[70, 30], loss=CHANCE))) == []


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("it learns", {"loss": lambda i: CHANCE * 0.98**i}),
        ("the samples agree: a matter of the learning rate", {"noise": 0.8}),
        ("far above chance", {"loss": 3 * CHANCE}),
        ("constant outputs: dead", {"spread": 0.0}),
        ("a loss of which chance is not known", {"function": "HuberLoss"}),
        ("not yet for long", {"count": 24}),
    ],
)
def test_healthy(why, changed):
    assert shone(board_of(NAME, steps(**changed))) == [], why


def test_long_runs_rest_at_chance_for_longer():
    assert shone(board_of(NAME, steps(), {"planned_steps": 4000})) == []  # 5 %: 200 steps
    assert only(board_of(NAME, steps(count=210), {"planned_steps": 4000})).step == 202
