from __future__ import annotations

import pytest

from cockpit.lamps.pace import begins_trained, is_rising, reach, removable_at_height
from tests.lamps.hand_made import board_of, views


def course(steps, planned=400):
    return board_of([], steps, {"planned_steps": planned}).course


def steps(**changed):
    given = {"lr": 0.1, "decrease": 0.01, "ratio": 0.02, "count": 12} | changed
    facts = {
        "update.decrease": given["decrease"],
        "update.ratio_max": given["ratio"],
        "loss.function": "MSELoss",
        "targets.variance": 1.0,
    }
    return views({"Loss": given.get("loss", 2.0)}, facts, lr=given["lr"], count=given["count"])


def test_removable():
    assert removable_at_height(course(steps())) == pytest.approx(400 * 0.005)
    assert removable_at_height(course(steps(), planned=None)) is None
    assert removable_at_height(course(steps(decrease=None))) is None


def test_removable_is_that_of_the_largest_rate():
    decay = steps(lr=lambda i: 0.8**i, decrease=lambda i: 0.01 * 0.8**i)
    assert removable_at_height(course(decay)) == pytest.approx(400 * 0.005)


def test_steps_of_next_to_nothing_do_not_count():
    stopped = steps(lr=lambda i: 0.1 if i < 6 else 1e-6, decrease=lambda i: 0.01 if i < 6 else 0.1)
    assert removable_at_height(course(stopped)) == pytest.approx(400 * 0.005)


def test_reach():
    assert reach(course(steps())) == pytest.approx(8)
    assert reach(course(steps(lr=lambda i: 0.8**i, ratio=lambda i: 0.02 * 0.8**i))) == (
        pytest.approx(8)
    )
    assert reach(course(steps(ratio=lambda i: 0.02 if i < 8 else 1e-9, count=30))) == (
        pytest.approx(8)  # of the beginning: what has converged was not slow
    )
    assert reach(course(steps(ratio=None))) is None
    assert reach(course(steps(), planned=None)) is None


def test_rising():
    assert is_rising(course(steps(lr=lambda i: 0.1 * i)))
    assert not is_rising(course(steps(lr=lambda i: 0.1 * min(i, 10))))
    assert not is_rising(course(steps(count=1)))


def test_trained_before():
    assert begins_trained(course(steps(loss=0.5)))
    assert not begins_trained(course(steps(loss=0.9)))
