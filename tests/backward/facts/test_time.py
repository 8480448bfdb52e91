"""The share of waiting, by a clock that is turned by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from cockpit.backward.facts import Seen
from cockpit.backward.facts.time import Time, WaitingClock


def test_the_time_before_the_forward_pass() -> None:
    clock = WaitingClock()
    assert clock.share(1.0, runs_ahead=False) is None
    clock.step_over(10.0, tracked=False)
    assert clock.share(11.0, runs_ahead=False) is None  # no forward pass was seen
    clock.forward_begins(13.0)
    clock.forward_begins(14.0)  # of the same step: nothing was waited for
    assert clock.share(14.0, runs_ahead=False) == 0.75
    assert clock.share(10.0, runs_ahead=False) is None


def test_micro_batches_are_waited_for_too() -> None:
    clock = WaitingClock()
    clock.step_over(0.0, tracked=True)
    for start in (0.0, 5.0):
        clock.forward_begins(start + 2.0)
        clock.part_over(start + 5.0)
    assert clock.share(16.0, runs_ahead=False) == 0.25


def test_where_python_runs_ahead_the_measure_is_a_step_that_was_not_tracked() -> None:
    clock = WaitingClock()
    clock.step_over(0.0, tracked=False)
    clock.forward_begins(1.0)
    clock.step_over(4.0, tracked=False)  # such a step takes 4
    clock.forward_begins(4.5)
    assert clock.share(4.6, runs_ahead=True) is None  # the device may have been busy meanwhile
    clock.step_over(10.0, tracked=True)
    clock.forward_begins(12.0)
    assert clock.share(12.1, runs_ahead=True) == 0.5
    fresh = WaitingClock()
    fresh.step_over(0.0, tracked=True)
    fresh.forward_begins(1.0)
    assert fresh.share(2.0, runs_ahead=True) is None


def step_of(group: Any, at: list[float], evaluates: bool = False) -> float | None:
    """A step of the loop, at these times: forward pass, end of the backward pass, update."""
    times = iter(at)
    group.now = lambda: next(times)
    if evaluates:
        group.evaluation_begins()
    group.forward_begins()
    p = nn.Parameter(torch.zeros(1))
    group.before_backward(Seen(nn.Linear(1, 1), {"p": p}, 1))
    group.pass_returns(SimpleNamespace())
    group.after_update(None, watched=True)
    return group.settled(SimpleNamespace())["time.waiting"]


def test_the_group_in_its_steps() -> None:
    group = Time()
    assert step_of(group, [1.0, 2.0, 3.0]) is None  # nothing is known of the first
    assert step_of(group, [6.0, 6.5, 7.0]) == 0.75
    assert step_of(group, [8.0, 9.0, 11.0], evaluates=True) is None
    assert step_of(group, [12.0, 13.0, 15.0]) == 0.25


@pytest.mark.parametrize("count", [2, 3])
def test_several_optimizers_end_a_step_several_times(count: int) -> None:
    group = Time()
    assert step_of(group, [1.0, 2.0, 3.0]) is None
    for _ in range(count - 1):
        group.now = lambda: 4.0
        group.after_update(None, watched=True)
    assert step_of(group, [5.0, 5.5, 8.0]) == 0.25
