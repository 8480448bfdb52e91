"""Lamps that say of a run why they cannot judge it."""

from __future__ import annotations

from dataclasses import replace

from cockpit.lamps import Board, get
from tests.lamps.hand_made import HEADER, views


def board_with(unfit):
    lamp = replace(get("loader_bound"), unfit=unfit)
    board = Board(HEADER, lamps=[lamp])
    for view in views({"Loss": 1.0}, {"time.waiting": 0.9}):
        board.take(view)
    return board


def test_the_reason_is_told_and_nothing_is_read():
    board = board_with(lambda course: "not for this run")
    assert board.lit == []
    assert board.absent == {"loader_bound": "not for this run"}


def test_it_may_become_fit():
    board = board_with(lambda course: "not yet" if course.count < 5 else "")
    assert board.absent == {}
    assert [episode.lamp for episode in board.lit] == ["loader_bound"]


def test_a_fault_in_it_is_this_lamps_only():
    board = board_with(lambda course: str(1 / 0))
    assert "ZeroDivisionError" in board.absent["loader_bound"]
