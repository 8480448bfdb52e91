from __future__ import annotations

import numpy as np

from cockpit.instruments.smoothing import smooth, smoothing_radius


def test_constant_stays_constant():
    np.testing.assert_allclose(smooth(np.full(50, 3.5), 7), 3.5)


def test_straight_line_has_no_lag_away_from_the_ends():
    y = 2.0 * np.arange(100) + 1
    np.testing.assert_allclose(smooth(y, 8)[20:80], y[20:80])


def test_is_a_triangular_window():
    y = np.zeros(41)
    y[20] = 9.0
    expected = np.zeros(41)
    expected[18:23] = [1, 2, 3, 2, 1]
    np.testing.assert_allclose(smooth(y, 2), expected, atol=1e-12)


def test_a_steep_beginning_is_kept():
    y = 2.3 * np.exp(-np.arange(400) / 10)
    assert abs(smooth(y, 10)[0] - y[0]) < 0.15 * y[0]


def test_gaps_stay_gaps_and_spread_nowhere():
    y = np.ones(30)
    y[[4, 17]] = np.nan, np.inf
    result = smooth(y, 3)
    assert np.isnan(result[[4, 17]]).all()
    np.testing.assert_allclose(np.delete(result, [4, 17]), 1.0)


def test_noise_shrinks():
    noise = np.random.default_rng(0).standard_normal(2000)
    assert smooth(noise, 40).std() < 0.3 * noise.std()


def test_empty_series():
    assert smooth(np.empty(0), 5).shape == (0,)


def test_radius_none_of_few_points_some_of_many():
    assert smoothing_radius(59, None) == 0
    assert smoothing_radius(400, None) == 10
    assert smoothing_radius(1000, 0.0) == 0
    assert smoothing_radius(1000, 0.5) < smoothing_radius(1000, 0.9) < 500
