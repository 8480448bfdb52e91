from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.instruments.panel import Axis
from cockpit.instruments.scales import choose_axis, from_scale, linear_threshold, median, to_scale


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 5.0], "linear"),
        ([1.0, 11.0], "log"),
        ([1e-8, 1.0, np.nan, np.inf], "log"),
        ([-1.0, 2.0, 3.0], "linear"),
        ([-1e-3, 1e-3, 2e-3, 50.0], "symlog"),
        ([0.0, 1.0, 2.0], "linear"),
        ([0.0, 0.001, 0.002, 9.0], "symlog"),
        ([], "linear"),
        ([np.nan], "linear"),
        ([0.0, 0.0], "linear"),
    ],
)
def test_choice(values, scale):
    assert choose_axis("y", np.array(values)).scale == scale


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_median(values):
    assert median(np.array(values)) == pytest.approx(float(np.median(values)), abs=1e-300)


def test_the_largest_numbers_have_a_median_and_an_axis():
    largest = np.full(2, np.finfo(float).max)
    assert median(largest) == largest[0]
    assert choose_axis("", np.array([-1e308, 0.0, 1e308, 1e308])).scale == "linear"


def test_several_series_count_together():
    assert choose_axis("y", np.array([1.0]), np.array([100.0])).scale == "log"


def test_constant_series_gets_room():
    assert choose_axis("y", np.full(9, 20.0)).range == (19.0, 21.0)
    assert choose_axis("y", np.zeros(3)).range == (-1.0, 1.0)
    assert choose_axis("y", 21 + 1e-9 * np.arange(5)).range == pytest.approx((19.95, 22.05))


def test_threshold_is_a_power_of_ten_below_nearly_all():
    assert linear_threshold(np.array([0.02, 0.5, 3.0, 40.0])) == 0.01
    assert linear_threshold(np.array([1e-30] * 50 + [1e3])) == pytest.approx(1e-3)


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=1),
    st.sampled_from(["linear", "symlog"]),
)
def test_scale_and_back(values, scale):
    axis = Axis(scale=scale, linthresh=0.1)
    there = to_scale(np.array(values), axis)
    np.testing.assert_allclose(from_scale(there, axis), values, rtol=1e-9, atol=1e-12)


def test_log_scale_has_no_place_for_what_is_not_positive():
    np.testing.assert_array_equal(
        to_scale(np.array([100.0, 0.0, -3.0]), Axis(scale="log")), [2.0, np.nan, np.nan]
    )
    np.testing.assert_allclose(from_scale(np.array([-3.0, 2.0]), Axis(scale="log")), [1e-3, 100])
