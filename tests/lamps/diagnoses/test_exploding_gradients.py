from __future__ import annotations

import pytest

from tests.lamps.diagnoses.test_vanishing_gradients import norms
from tests.lamps.hand_made import board_of, only, shone, views

NAME = "exploding_gradients"
EVEN = norms(*6 * [1.0])


def steps(gradients=EVEN, norm=1.0, loss=2.0, count=16):
    return views({"Loss": loss, "GradNorm": norm}, layers={"GradNorm": gradients}, count=count)


def test_backward_through_the_layers():
    board = board_of(NAME, steps(norms(5e4, 1e4, 100, 10, 3, 1.0)))
    assert (only(board).level, only(board).step) == ("warning", 4)  # four tracked steps, twice
    assert only(board).reading.numbers["depth"] == pytest.approx(1e4 / 3)
    assert only(board).reading.layers == ("0.weight", "1.weight")
    assert only(board).reading.suggestion.change == "clip_norm"
    assert only(board).reading.suggestion.value == 1.0


def test_clipping_gets_along_with_it():
    board = board_of(
        NAME, steps(norms(5e4, 1e4, 100, 10, 3, 1.0), loss=lambda i: 2 * 0.9**i, count=24)
    )
    assert only(board).level == "advisory"


def test_from_step_to_step():
    board = board_of(NAME, steps(norm=lambda i: 2.0 * 3.0**i, loss=lambda i: 2.0 + i))
    assert only(board).level == "warning"
    assert only(board).reading.numbers["growth"] > 100
    assert only(board).reading.suggestion.value == 2.0


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("even layers", {}),
        ("networks' gradients grow while they learn", {"norm": lambda i: 1.0 + i}),
        (
            "and grow much where the loss falls",
            {"norm": lambda i: 2.0**i, "loss": lambda i: 2 * 0.8**i},
        ),
        ("one large gradient in ten", {"norm": lambda i: 1e4 if i % 10 == 5 else 1.0}),
        ("a factor of ten from end to end", {"gradients": norms(10, 8, 4, 3, 1, 1)}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why
