"""Which steps a loop may come to next, and that none that is due is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit import Cockpit, RunLog, linear, quantities
from cockpit.step_numbers import REACH, StepNumbers


@pytest.mark.parametrize(
    ("numbers", "coming"),
    [
        ([], range(1)),
        ([5], range(6, 7)),
        ([5, 6, 7], range(8, 9)),
        ([0, 10, 20], range(21, 31)),
        (list(range(0, 700, 10)), range(700, 701)),
        ([0, 7, 10], range(11, 18)),
        ([0, 1, 2, 5000, 5001], range(5002, 5002 + REACH + 1)),
        ([7, 8, 3, 4], range(5, 6)),
    ],
)
def test_what_may_come(numbers: list[int], coming: range) -> None:
    seen = StepNumbers()
    for number in numbers:
        seen.take(number)
    assert seen.coming() == coming
    assert seen.are_unknown == (len(numbers) < 2)
    assert seen.restarts == (1 if 3 in numbers else 0)


def run(numbers: list[int], interval: int, folder: Path) -> tuple[list[int], list[bool], RunLog]:
    """The tracked steps, and whether hooks were there at each step of the loop."""
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(4, 3), nn.CrossEntropyLoss()
    config, attached = [quantities.Loss(linear(interval))], []
    with Cockpit(model, loss_fn, None, config, folder, strict=True) as cockpit:
        for number in numbers:
            attached.append(bool(model._forward_hooks))
            loss = loss_fn(model(torch.randn(5, 4)), torch.randint(0, 3, (5,)))
            with cockpit(number):
                loss.backward()
    log = RunLog(folder)
    return list(log.series("Loss").step), attached, log


IRREGULAR = {
    "growing strides": ([0, 7, 10, 15, 20, 33, 40, 41, 50], 10),
    "every tenth": (list(range(0, 100, 10)), 10),
    "two and three in turn": (sorted([*range(0, 60, 5), *range(2, 60, 5)]), 4),
}


@pytest.mark.parametrize("name", IRREGULAR)
def test_irregular_numbers_lose_nothing(name: str, tmp_path: Path) -> None:
    numbers, interval = IRREGULAR[name]
    found, _, log = run(numbers, interval, tmp_path)
    assert found == [number for number in numbers if number % interval == 0]
    assert log.events == []


def test_one_jump_loses_one_step_and_hooks_come_and_go_as_before(tmp_path: Path) -> None:
    numbers = [*range(6), *range(900, 1100)]
    found, attached, log = run(numbers, 100, tmp_path)
    assert found == [0, 1000]
    assert [event["kind"] for event in log.events] == ["unforeseen"]
    assert sum(attached[-50:]) == 0


def test_where_steps_can_not_be_foreseen_all_are_seen(tmp_path: Path) -> None:
    numbers = [sum(1000 * k for k in range(n)) for n in range(2, 12)]
    found, attached, _ = run(numbers, 1, tmp_path)
    assert found == numbers  # those of each step are due, whatever its number
    found, attached, _ = run(numbers, 3000, tmp_path / "sparse")
    due = [number for number in numbers if number % 3000 == 0]
    assert len(due) - 2 <= len(found) < len(due)
    assert all(attached[-3:])
