from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.lamps import Course, StepView
from cockpit.lamps.statistics import (
    critical_batch_size,
    first_loss,
    has_grown,
    left,
    median,
    median_loss,
    progress,
    rates,
    signal,
    useful,
)
from tests.lamps.hand_made import HEADER, views


def course_of(*args, header=None, **kwargs) -> Course:
    course = Course({**HEADER, **(header or {})})
    for view in views(*args, **kwargs):
        course.take(view)
    return course


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_median_is_that_of_numpy(values):
    assert median(values) == pytest.approx(float(np.median(values)), rel=1e-12, abs=1e-30)


def test_median_with_what_is_no_number():
    assert median([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(median([1.0, math.nan], at_least=2))
    assert math.isnan(median([]))
    assert median([1.0, math.inf, math.inf, math.inf]) == math.inf


def test_shares_of_the_loss():
    course = course_of({"Loss": 2.0, "NormTest": 0.6}, {"update.decrease": 0.1}, count=8)
    assert signal(course) == pytest.approx(0.64)
    assert useful(course) == pytest.approx(8 * [0.05 * 0.64])


def test_noise_alone_has_no_signal():
    course = course_of({"Loss": 2.0, "NormTest": 1.2}, {"update.decrease": 0.1}, count=8)
    assert signal(course) == 0
    assert useful(course) == pytest.approx(8 * [0.0])
    assert critical_batch_size(course) == math.inf


def test_where_batch_norm_couples_the_samples_the_last_weight_tells():
    def layer(name, kind, shape):
        return {"name": name, "shape": shape, "module": "m", "module_type": kind}

    names = [("0.weight", "Linear"), ("1.weight", "BatchNorm1d"), ("2.weight", "Linear")]
    layers = [layer(n, kind, [4] if "Norm" in kind else [4, 4]) for n, kind in names]
    notes = {"NormTest": {"individual": "contribution"}}

    def share(layers):
        tests = {"NormTest": lambda i: [3.0, 3.0, 0.6]}
        steps = ({"NormTest": 3.0}, {"update.decrease": 0.1})
        return signal(
            course_of(*steps, layers=tests, notes=notes, count=8, header={"layers": layers})
        )

    assert share(layers) == pytest.approx(0.64)
    assert math.isnan(share(layers[:2]))  # nothing behind the batch norm


def test_critical_batch_size_doubles_the_noise_of_half_signal():
    course = course_of({"NormTest": math.sqrt(0.8)}, count=8, batch_size=10)
    assert critical_batch_size(course) == pytest.approx(40)  # s = 0.2: (1 − s) / s = 4


def test_what_is_left_of_the_loss():
    course = course_of({"Loss": lambda i: 4.0 / (i + 1)}, count=10)
    assert first_loss(course) == 4.0
    assert median_loss(course, 3) == pytest.approx(4 / 9)
    assert left(course, 3) == pytest.approx(1 / 9)


@pytest.mark.parametrize("first", [0.0, -1.0, math.nan, math.inf])
def test_shares_of_such_a_first_loss_mean_nothing(first):
    assert left(course_of({"Loss": lambda i: first if i == 0 else 1.0}, count=10)) is None


def test_a_loss_that_is_no_number_counts_as_infinite():
    course = course_of({"Loss": lambda i: 1.0 if i < 4 else math.nan}, count=10)
    assert left(course) == math.inf
    assert progress(course, 5) is None


def test_progress_counts_steps_and_not_tracked_ones():
    fall, steps = progress(course_of({"Loss": lambda i: 2.0 if i < 8 else 1.0}, count=16, every=5))
    assert fall == pytest.approx(math.log(2))
    assert steps == 40
    assert progress(course_of({"Loss": 1.0}, count=15)) is None


@pytest.mark.parametrize("count", [4, 20, 260, 300])
def test_learning_rates_of_each_step_once(count):
    """In the order of the steps: a rate that only falls never seems to rise again."""
    course = course_of({"Loss": 1.0}, lr=lambda i: 1 / (i + 1), count=count)
    kept = [*range(min(8, max(count - 256, 0))), *range(max(count - 256, 0), count)]
    assert rates(course) == [1 / (i + 1) for i in kept]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0, 2.0, 2.9], False),
        ([1.0, 3.1], True),
        ([1.0, 9.0, 1.0, 1.0, 1.0, 1.0], False),
        ([1.0, 9.0, *[math.nan] * 9], True),
        ([1.0, math.inf], False),
        ([math.nan, 5.0], False),
        ([-1.0, 5.0], False),
        ([], False),
    ],
)
def test_a_loss_that_has_grown(losses, expected):
    course = Course({})
    for step, loss in enumerate(losses or [None]):
        course.take(StepView(step, values={} if loss is None else {"Loss": loss}))
    assert has_grown(course) is expected
