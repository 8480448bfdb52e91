from __future__ import annotations

import dataclasses
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
        "count": 80,
    } | changed
    return views(
        {"Loss": given["loss"], "NormTest": given["noise"]},
        {
            "loss.function": given["function"],
            "targets.counts": given["counts"] and (lambda i: given["counts"]),
            "targets.variance": given.get("variance"),
            "outputs.spread": given["spread"],
            "labels.quarters": given.get("quarters"),
            "update.ratio_max": given.get("ratio"),
            "model.frozen_share": given.get("frozen"),
        },
        count=given["count"],
    )


def test_sick():
    episode = only(board_of(NAME, steps()))
    assert (episode.level, episode.step) == ("advisory", 62)  # 15 % of the run, three readings
    assert episode.reading.numbers["chance"] == pytest.approx(CHANCE)
    assert episode.reading.numbers["signal"] == pytest.approx(1 - 0.99**2)


@pytest.mark.parametrize(("count", "expected"), [(160, "advisory"), (162, "caution")])
def test_a_slow_start_is_possible_for_two_fifths_of_the_run(count, expected):
    assert only(board_of(NAME, steps(count=count))).level == expected


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
        ("steps that learn nothing from any labels", {"ratio": 1e-4}),
        ("frozen for the greater part", {"frozen": 0.9}),
    ],
)
def test_healthy(why, changed):
    assert shone(board_of(NAME, steps(**changed))) == [], why


def test_rested_at_chance_for_a_fifth_of_the_run():
    """Then a signal of 0.3 is noise enough: that of how often each class occurs."""
    board = board_of(NAME, steps(noise=0.7**0.5, count=120))
    assert only(board).since >= 80
    lower = steps(noise=0.7**0.5, loss=0.95 * CHANCE, count=120)
    assert shone(board_of(NAME, lower)) == []


def test_small_batches_need_more_steps():
    few = [dataclasses.replace(s, batch_size=8) for s in steps(count=120)]
    assert only(board_of(NAME, few)).since == 96  # 768 samples


def test_passing_by_chance():
    assert shone(board_of(NAME, steps(loss=lambda i: 1.6 * CHANCE * 0.99**i, count=50))) == []


def test_long_runs_rest_at_chance_for_longer():
    assert shone(board_of(NAME, steps(), {"planned_steps": 4000})) == []  # 15 %: 600 steps
    assert only(board_of(NAME, steps(count=610), {"planned_steps": 4000})).step == 602


def blind(i):
    """Labels anywhere among the outputs, as far as 64 of them show it."""
    return [0.25 + 0.02 * (-1) ** i, 0.25, 0.25, 0.25 - 0.02 * (-1) ** i]


def test_outputs_that_say_nothing_of_the_labels():
    """Then more signal will do: long steps on few weights make some."""
    episode = only(board_of(NAME, steps(noise=0.75, quarters=blind), {"planned_steps": 200}))
    assert episode.step == 36  # 17 % of the run, three readings


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("too early", {"quarters": blind, "noise": 0.75, "count": 36}),
        (
            "a long start, but it learns",
            {"quarters": lambda i: [0.33, 0.25, 0.24, 0.18], "noise": 0.75},
        ),
        ("a language model at its plateau: the batches agree", {"quarters": blind, "noise": 0.5}),
    ],
)
def test_outputs_that_know_something(why, changed):
    board = board_of(NAME, steps(**changed), {"planned_steps": 200})
    assert shone(board) == [], why


def test_a_plateau_that_is_over_does_not_count():
    """Forty first steps in noise, all tracked; then pairs of steps, whose samples agree."""
    made = steps(count=60, noise=lambda i: 0.99 if i < 40 else 0.7)
    later = [dataclasses.replace(s, step=40 + 20 * (s.step - 40)) for s in made[40:]]
    assert shone(board_of(NAME, [*made[:40], *later], {"planned_steps": 600})) == []
