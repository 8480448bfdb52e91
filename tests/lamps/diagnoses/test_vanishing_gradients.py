from __future__ import annotations

import pytest

from tests.lamps.hand_made import HEADER, board_of, only, shone, views

NAME = "vanishing_gradients"


def norms(*weights):
    """Gradient norms of weights and biases in turn: those of biases are 1, and do not matter."""
    return lambda i: [x for weight in weights for x in (weight, 1.0)]


def steps(gradients, loss=2.0, count=24):
    return views({"Loss": loss, "GradNorm": 1.0}, layers={"GradNorm": gradients}, count=count)


DEEP_SIGMOID = norms(2e-6, 1e-5, 3e-4, 1e-2, 0.2, 1.0)


def test_sick():
    episode = only(board_of(NAME, steps(DEEP_SIGMOID)))
    assert (episode.level, episode.step) == ("warning", 13)  # 12 tracked steps, three readings
    assert episode.reading.layers == ("0.weight", "1.weight")  # a third of six
    assert episode.reading.numbers["ratio"] == pytest.approx(1e-5)  # the larger of both, over 1.0


def test_adam_gets_along_with_it():
    board = board_of(NAME, steps(DEEP_SIGMOID, loss=lambda i: 2 * 0.97**i))
    assert only(board).level == "advisory"


def test_the_last_bias_finds_the_mean_of_the_targets_by_itself():
    facts = {
        "loss.function": "MSELoss", "loss.reduction": "mean",
        "targets.variance": 0.54, "targets.shape": lambda i: [64, 1],
    }  # fmt: skip

    def level(end):
        loss = [max(1.06 * 0.8**i, end) for i in range(24)]
        run = views(
            {"Loss": loss, "GradNorm": 1.0}, facts, layers={"GradNorm": DEEP_SIGMOID}, count=24
        )
        return only(board_of(NAME, run)).level

    assert (level(0.53), level(0.3)) == ("warning", "advisory")


def test_a_head_that_begins_at_zero_may_grow():
    facts = {"model.zero_weights": lambda i: ["5.weight"] if i == 0 else None}

    def run(gradients, count=24):
        layers = {"GradNorm": gradients}
        return views({"Loss": 2.0, "GradNorm": 1.0}, facts, layers=layers, count=count)

    def growing(i):
        return norms(*(1e-5 * i for _ in range(5)), 1.0)(i)

    assert shone(board_of(NAME, run(growing, 60))) == []
    assert only(board_of(NAME, run(lambda i: growing(min(i, 20)), 60))).since > 20
    assert only(board_of(NAME, run(DEEP_SIGMOID))).step == 13


@pytest.mark.parametrize(
    ("why", "gradients"),
    [
        ("all alike", norms(0.1, 0.3, 0.2, 0.2, 0.5, 1.0)),
        ("small ones in between: queries and keys", norms(0.1, 1e-5, 1e-5, 0.3, 0.5, 1.0)),
        ("a small last layer", norms(1.0, 1.0, 1.0, 1.0, 1.0, 1e-4)),
        ("none at all: detached or frozen", norms(0, 0, 0, 0.2, 0.5, 1.0)),
        ("none, and no number", norms(float("nan"), 0, 0, 0, 0, 0)),
    ],
)
def test_healthy(why, gradients):
    assert shone(board_of(NAME, steps(gradients))) == [], why


def test_embeddings_norms_and_frozen_weights_do_not_count():
    layers = [dict(layer) for layer in HEADER["layers"]]
    layers[0]["module_type"], layers[2]["module_type"] = "Embedding", "LayerNorm"
    layers[4]["trainable"] = False
    gradients = norms(1e-6, 1e-6, 1e-6, 0.5, 0.5, 1.0)
    assert shone(board_of(NAME, steps(gradients), {"layers": layers})) == []


def test_few_weights_have_no_depth():
    layers = HEADER["layers"][:4]
    board = board_of(NAME, steps(norms(1e-6, 1.0)), {"layers": layers})
    assert NAME in board.absent
