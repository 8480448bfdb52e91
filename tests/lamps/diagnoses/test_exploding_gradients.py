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
    board = board_of(NAME, steps(norm=lambda i: 2.0 * 3.0**i, loss=lambda i: 2.0 + i, count=24))
    assert (only(board).level, only(board).step) == ("warning", 20)  # a loss may explode before
    assert only(board).reading.numbers["growth"] > 100
    assert only(board).reading.suggestion.value == 2.0


def of_biases(*biases):
    """Gradient norms of weights, all alike, and of biases in turn."""
    return lambda i: [x for bias in biases for x in (1.0, bias)]


def test_biases_show_it_at_once():
    gradients = of_biases(250, 84, 26, 8.9, 3.0, 1.0)  # three times too large, layer by layer
    board = board_of(NAME, steps(gradients, count=2))
    assert (only(board).level, only(board).step) == ("caution", 1)
    assert only(board).reading.numbers["backward"] == pytest.approx(250 / 3)
    assert only(board_of(NAME, steps(gradients))).level == "warning"  # the loss has not fallen


def test_it_explains_a_first_loss_that_is_too_high():
    facts = {"loss.function": "CrossEntropyLoss", "outputs.shape": lambda i: [64, 10]}
    run = views(
        {"Loss": 100.0, "GradNorm": 1e3}, facts,
        layers={"GradNorm": of_biases(250, 84, 26, 8.9, 3.0, 1.0)}, count=4,
    )  # fmt: skip
    board = board_of([NAME, "first_loss_too_high"], run)
    causes = {e.lamp: (e.step, e.cause) for e in board.lit}
    assert causes == {NAME: (1, None), "first_loss_too_high": (1, NAME)}


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
        ("weights as He draws them", {"gradients": of_biases(0.19, 0.23, 0.26, 0.25, 0.31, 0.34)}),
        ("ten tanh layers", {"gradients": of_biases(0.48, 0.46, 0.34, 0.3, 0.26, 0.19)}),
        ("1.5 times too large", {"gradients": of_biases(4.3, 2.5, 1.9, 1.1, 0.65, 0.4)}),
        ("norms behind the last layers", {"gradients": of_biases(1, 1, 1, 1, 1e-7, 1e-7)}),
        ("norms behind all but the first", {"gradients": of_biases(1, *5 * [1e-7])}),
        ("one bias of five is steep", {"gradients": of_biases(100, 1, 1, 1, 1, 1)}),
        ("a factor of ten from end to end", {"gradients": norms(10, 8, 4, 3, 1, 1)}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why
