from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cockpit.instruments.decimation import decimate, envelope

VALUES = npst.arrays(
    float,
    st.integers(0, 400),
    elements=st.floats(-1e9, 1e9) | st.just(np.nan),
)


def test_short_series_is_left_as_it_is():
    x, y = np.arange(5), np.array([1.0, np.nan, 3.0, 2.0, 5.0])
    assert decimate(x, y, 5)[0] is x
    assert decimate(x, y, 5)[1] is y


@settings(max_examples=200, deadline=None)
@given(VALUES, st.integers(4, 60))
def test_result_is_a_subsequence_with_extremes_and_ends(y, max_points):
    x = np.arange(len(y))
    at, kept = decimate(x, y, max_points)
    assert len(at) == len(kept) <= max(max_points, len(y) if len(y) <= max_points else 0)
    assert (np.diff(at) > 0).all()
    np.testing.assert_array_equal(kept, y[at])
    if len(y):
        assert at[0] == 0
        assert at[-1] == len(y) - 1
    finite = y[np.isfinite(y)]
    if finite.size:
        assert np.nanmin(kept) == finite.min()
        assert np.nanmax(kept) == finite.max()


def test_one_spike_among_a_million_is_kept():
    y = np.sin(np.arange(1_000_000) / 1e5)
    y[123_456] = 50.0
    at, kept = decimate(np.arange(len(y)), y, 800)
    assert len(at) <= 800
    assert kept[at == 123_456] == 50.0


def test_a_stretch_without_values_still_breaks_the_line():
    y = np.ones(1000)
    y[400:600] = np.nan
    _, kept = decimate(np.arange(1000), y, 42)
    assert np.isnan(kept).any()


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"max_points >= 4, got 3"):
        decimate(np.arange(9), np.arange(9.0), 3)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.integers(2, 50))
def test_envelope_contains_every_value(y, count):
    x = np.arange(len(y), dtype=float)
    at, low, high = envelope(x, y, count)
    assert len(at) == len(low) == len(high)
    finite = y[np.isfinite(y)]
    if finite.size:
        assert np.nanmin(low) == finite.min()
        assert np.nanmax(high) == finite.max()
        both = np.isfinite(low)
        assert (low[both] <= high[both]).all()
    if len(y):
        assert at[0] == x[0]
        assert at[-1] == x[-1]


def test_envelope_by_hand():
    y = np.array([1.0, 5.0, -2.0, 3.0, np.nan, np.nan, 7.0])
    at, low, high = envelope(np.arange(7.0), y, 4)
    np.testing.assert_array_equal(low, [1, -2, np.nan, 7])
    np.testing.assert_array_equal(high, [5, 3, np.nan, 7])
    np.testing.assert_array_equal(at, [0, 2.5, 4.5, 6])
