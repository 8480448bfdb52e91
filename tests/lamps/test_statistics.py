from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.lamps import Course
from cockpit.lamps.statistics import (
    chance,
    critical_batch_size,
    first_loss,
    left,
    median,
    median_loss,
    progress,
    removable,
    signal,
    useful,
    weight_layers,
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
    assert removable(course, 8) == pytest.approx(400 * 0.05)


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


def test_chance_of_three_classes():
    def counts(i):
        return [2, 2] if i % 2 else [0, 2, 4]

    facts = {"loss.function": "CrossEntropyLoss", "targets.counts": counts}
    shares = np.array([2, 4, 4]) / 10
    expected = float(-(shares * np.log(shares)).sum())
    assert chance(course_of({"Loss": 1.0}, facts, count=6)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("function", "variance", "expected"),
    [
        ("MSELoss", 2.5, 2.5),
        ("BCEWithLogitsLoss", 0.25, math.log(2)),
        ("BCELoss", 0.0, 0.0),
        ("HuberLoss", 2.5, None),
        (None, 2.5, None),
    ],
)
def test_chance_of_other_losses(function, variance, expected):
    facts = {"targets.variance": variance, "loss.function": function}
    found = chance(course_of({"Loss": 1.0}, facts, count=6))
    assert found == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("size", "expected"), [(2, 5.0), (5, 3.125), (1, None)])
def test_the_variance_within_a_batch_is_too_small(size, expected):
    facts = {"targets.variance": 2.5, "targets.shape": lambda i: [size, 1],
             "loss.function": "MSELoss"}  # fmt: skip
    assert chance(course_of({"Loss": 1.0}, facts, count=6)) == expected


def test_chance_of_a_loss_that_is_summed_over_several_outputs():
    facts = {
        "targets.variance": 0.5,
        "loss.function": "MSELoss",
        "loss.reduction": "sum",
        "targets.shape": lambda i: [64, 3, 2],
    }
    found = chance(course_of({"Loss": 1.0}, facts, count=6))
    assert found == pytest.approx(3.0 * 64 / 63)


def test_weights_that_have_a_place_in_the_depth():
    def layer(name, kind, shape, **beside):
        return {"name": name, "shape": shape, "module": "m", "module_type": kind, **beside}

    layers = [
        layer("embedding.weight", "Embedding", [9, 4]),
        layer("positions", "Transformer", [1, 8, 4]),
        layer("lstm.weight_ih_l0", "LSTM", [16, 4]),
        layer("norm.weight", "BatchNorm2d", [4]),
        layer("frozen.weight", "Linear", [4, 4], trainable=False),
        layer("head.weight", "Linear", [9, 4]),
        layer("head.bias", "Linear", [9]),
    ]
    assert weight_layers(Course({"layers": layers})) == [2, 5]
