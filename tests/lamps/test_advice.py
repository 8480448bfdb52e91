from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from cockpit.lamps import Board, Episode, Reading, Suggestion, get
from cockpit.lamps.advice import advice
from tests.lamps.hand_made import HEADER, board_of, views


class Lit(Board):
    """A board whose lit lamps are given."""

    episodes: tuple[Episode, ...] = ()

    @property
    def lit(self):
        return list(self.episodes)


def board(*episodes, steps=()):
    made = Lit(HEADER)
    for view in steps:
        made.course.take(view)
    made.episodes = episodes
    return made


def episode(lamp, suggestion, cause=None, level=None, layers=()):
    reading = Reading(2.0, "", layers=layers, suggestion=suggestion)
    return Episode(lamp, level or get(lamp).level, 0, 0, reading, 0, cause=cause)


def test_nothing_is_lit():
    assert advice(board()) == []


def test_of_a_real_board():
    steps = views(
        {"Loss": lambda i: 2.0 + 0.1 * (i > 0), "Alpha": 1.2, "NormTest": 0.3},
        {"update.decrease": 0.4},
    )
    (found,) = advice(board_of("learning_rate_too_large", steps))
    assert asdict(found) == {
        "change": "lr",
        "because": ("learning_rate_too_large",),
        "level": "warning",
        "do": get("learning_rate_too_large").do,
        "factor": pytest.approx(1 / 3),
        "value": None,
        "layers": (),
    }


def test_only_causes_have_a_say():
    found = advice(
        board(
            episode("learning_rate_too_large", Suggestion("lr", factor=1 / 3)),
            episode("diverged", Suggestion("stop"), cause="learning_rate_too_large"),
        )
    )
    assert [one.change for one in found] == ["lr"]


def test_two_in_one_direction_give_the_larger_change():
    found = advice(
        board(
            episode("learning_rate_too_large", Suggestion("lr", factor=1 / 3)),
            episode("noise_floor", Suggestion("lr", factor=1 / 10)),
        )
    )
    assert len(found) == 1
    assert found[0].factor == pytest.approx(1 / 10)
    assert found[0].because == ("learning_rate_too_large", "noise_floor")
    assert found[0].level == "warning"
    assert get("noise_floor").do in found[0].do


def test_the_worse_lamp_leads_where_they_contradict():
    found = advice(
        board(
            episode("learning_rate_too_small", Suggestion("lr", factor=10)),
            episode("noise_floor", Suggestion("lr", factor=1 / 3)),
        )
    )
    assert [one.factor for one in found] == [10]


def test_a_value_stays_a_value():
    found = advice(
        board(
            episode("decayed_too_early", Suggestion("lr", value=0.1)),
            episode("noise_floor", Suggestion("lr", factor=1 / 3)),
        )
    )
    assert [(one.value, one.factor) for one in found] == [(0.1, None)]


def test_the_rate_of_some_layers_is_the_same_change():
    """A program that made both would divide the rate of these layers by 27."""
    (found,) = advice(
        board(
            episode("learning_rate_too_large", Suggestion("lr", factor=1 / 3, layers=("b",))),
            episode("update_ratio", Suggestion("lr", factor=1 / 9, layers=("a", "b"))),
        )
    )
    assert (found.factor, found.layers) == (pytest.approx(1 / 9), ("b", "a"))
    assert found.because == ("learning_rate_too_large", "update_ratio")


@pytest.mark.parametrize("odd", [0.0, -1.0, math.nan, math.inf])
def test_odd_factors_do_no_harm(odd):
    lamps = ("learning_rate_too_large", "noise_floor")
    for factors in ((odd, 0.5), (0.5, odd)):
        episodes = [
            episode(n, Suggestion("lr", factor=f)) for n, f in zip(lamps, factors, strict=True)
        ]
        (found,) = advice(board(*episodes))
        assert found.because == lamps


def test_layers_to_look_at():
    found = advice(
        board(
            episode("dead_units", Suggestion("layers", layers=("fc1",))),
            episode("wrong_labels", None),
        )
    )
    assert [(one.change, one.layers) for one in found] == [("look", ("fc1",)), ("look", ())]


@pytest.mark.parametrize(
    ("why", "values", "notes", "expected"),
    [
        ("CABS, where it is tracked", {"CABS": 100.0, "NormTest": 1.0}, {}, 100),
        (
            "CABS is for plain SGD",
            {"CABS": 100.0, "NormTest": 0.8**0.5},
            {"CABS": {"assumption": "outside"}},
            128,  # s = 0.2: 32 · 4
        ),
        ("CABS in the other direction", {"CABS": 8.0, "NormTest": 0.8**0.5}, {}, 128),
        ("noise only: no more than 16 times", {"NormTest": 1.1}, {}, 512),
        ("nothing of both: what the lamp says", {"Loss": 1.0}, {}, 64),
    ],
)
def test_batch_size(why, values, notes, expected):
    steps = views(values, notes=notes, count=8, batch_size=32)
    suggested = episode("batch_too_small", Suggestion("batch_size", factor=2.0))
    (found,) = advice(board(suggested, steps=steps))
    assert (found.value, found.factor) == (expected, None), why


def test_the_most_pressing_comes_first():
    found = advice(
        board(
            episode("batch_too_large", Suggestion("batch_size", value=16.0)),
            episode("vanishing_gradients", Suggestion("layers", layers=("a",))),
        )
    )
    assert [one.level for one in found] == ["warning", "advisory"]
