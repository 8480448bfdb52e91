from __future__ import annotations

import pytest

from tests.lamps.hand_made import HEADER, board_of, only, shone, views

NAME = "no_warm_up"
ADAM = {"name": "AdamW", "groups": [{"lr": 0.01}]}
NORM = {"name": "n.weight", "shape": [20], "module": "n", "module_type": "LayerNorm"}
TRANSFORMER = {"optimizer": ADAM, "layers": [*HEADER["layers"], NORM]}


def steps(loss=lambda i: 4.0 if i < 2 else 5.0, size=0.05, lr=0.01, count=32):
    return views({"Loss": loss}, {"update.ratio_max": size}, lr=lr, count=count)


def test_the_loss_rises():
    episode = only(board_of(NAME, steps(), TRANSFORMER))
    assert (episode.level, episode.step) == ("caution", 13)  # 12 tracked steps, three readings
    assert episode.reading.suggestion.change == "warm_up"
    assert episode.reading.suggestion.value == 100


def test_a_loss_that_rests_at_chance_after_very_large_updates():
    """It begins above, at 2.0; with four classes chance has 1.386."""
    labels = {"targets.counts": lambda i: [16] * 4, "loss.function": "CrossEntropyLoss"}

    def falls_to(rest, size):
        facts = {"update.ratio_max": size} | labels
        return views({"Loss": lambda i: 2.0 if i < 2 else rest}, facts, lr=0.01, count=32)

    assert only(board_of(NAME, falls_to(1.36, 0.2), TRANSFORMER))
    assert shone(board_of(NAME, falls_to(1.36, 0.05), TRANSFORMER)) == []
    assert shone(board_of(NAME, falls_to(1.2, 0.2), TRANSFORMER)) == []


def test_the_loss_stays_after_very_large_updates():
    assert only(board_of(NAME, steps(4.0, size=0.2), TRANSFORMER))
    assert shone(board_of(NAME, steps(4.0, size=0.05), TRANSFORMER)) == []


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("it learns", {"loss": lambda i: 4 * 0.97**i}),
        ("a warm-up", {"lr": lambda i: 0.001 * (i + 1)}),
        ("small updates", {"size": 0.005}),
        ("absurd ones: no warm-up would help", {"size": 0.6}),
        ("it rises later", {"loss": lambda i: 4.0 if i < 90 else 9.0, "count": 120}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs), TRANSFORMER)) == [], why


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"layers": TRANSFORMER["layers"]}, "SGD"),
        ({"optimizer": ADAM}, "attention"),
    ],
)
def test_absent_elsewhere(header, reason):
    board = board_of(NAME, steps(), header)
    assert shone(board) == []
    assert reason in board.absent[NAME]
