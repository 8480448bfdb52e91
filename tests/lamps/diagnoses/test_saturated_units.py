from __future__ import annotations

import pytest

from cockpit.lamps import get
from tests.lamps.hand_made import HEADER, board_of, only, shone, views

NAME = "saturated_units"


TASK = {"loss.function": "CrossEntropyLoss", "outputs.shape": lambda i: [64, 8]}
FEW = {"layers": HEADER["layers"][:4] + HEADER["layers"][-2:]}  # two hidden layers, and the last


def steps(hidden, out=0.1, loss=2.0, **facts):
    facts |= {"units.5.saturated": out, "units.0.saturated": hidden}  # 5 is the last layer
    return views({"Loss": loss}, facts, count=24)


def test_sick():
    episode = only(board_of(NAME, steps(0.96)))
    assert (episode.level, episode.step) == ("warning", 5)  # four tracked steps, three readings
    assert episode.reading.layers == ("0",)


def test_a_network_that_learns_may_be_sure_of_its_case():
    board = board_of(NAME, steps(0.96, loss=lambda i: 2 * 0.9**i))
    assert get(NAME)(board.course).level == "advisory"


@pytest.mark.parametrize(
    ("share", "loss", "level"),
    [
        (0.7, 2.1, "caution"),  # weights ten times too large
        (0.94, 2.1, "warning"),
        (0.94, lambda i: 2.1 * 0.8**i, "caution"),  # the last layer learns without them
    ],
)
def test_saturated_from_the_start(share, loss, level):
    episode = only(board_of(NAME, steps(share, loss=loss, **TASK), FEW))
    assert (episode.level, episode.step) == (level, 5)


@pytest.mark.parametrize(
    ("why", "loss", "header"),
    [
        ("pretrained: the first loss is far below ln 8", 0.3, FEW),
        ("one tanh among many layers", 2.1, {}),
    ],
)
def test_not_all_that_is_saturated_at_first_is_sick(why, loss, header):
    assert shone(board_of(NAME, steps(0.7, loss=loss, **TASK), header)) == [], why


def test_what_saturates_leaves_the_first_word_to_the_learning_rate():
    later = [0.0] * 4 + [0.95] * 20
    assert only(board_of(NAME, steps(later))).step == 21
    grown = steps(later, loss=lambda i: 2.0 if i < 4 else 30.0)
    assert shone(board_of(NAME, grown)) == []


@pytest.mark.parametrize(
    ("why", "kwargs"),
    [
        ("as usual", {"hidden": 0.3}),
        ("not at each step", {"hidden": lambda i: 0.9 if i % 3 else 0.5}),
        ("the output may be sure", {"hidden": 0.3, "out": 0.97}),
    ],
)
def test_healthy(why, kwargs):
    assert shone(board_of(NAME, steps(**kwargs))) == [], why


def test_absent_without_such_units():
    assert "no sigmoid" in board_of(NAME, views({"Loss": 2.0})).absent[NAME]
