from __future__ import annotations

import numpy as np

from cockpit.instruments.density import kernel_density


def test_density_of_many_normal_samples_is_the_normal_density():
    sample = 0.3 * np.random.default_rng(0).standard_normal(20_000)
    grid = np.linspace(-2, 2, 161)
    spread = np.hypot(0.3, 0.02 * 4)  # the kernel widens it by its own least bandwidth
    expected = np.exp(-0.5 * (grid / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(kernel_density(sample, -2, 2), expected, atol=0.03)


def test_mass_outside_of_the_range_is_missing():
    sample = np.concatenate([np.zeros(75), np.full(25, 9.0)])
    density = kernel_density(sample, -2, 2)
    assert abs(density.sum() * 4 / 160 - 0.75) < 0.01


def test_no_sample_no_density():
    assert not kernel_density(np.empty(0), -2, 2).any()
    assert not kernel_density(np.array([5.0]), -2, 2).any()


def test_one_value_is_a_bump_of_mass_one():
    density = kernel_density(np.array([0.5]), -2, 2)
    assert abs(density.sum() * 4 / 160 - 1) < 0.01
    assert abs(np.linspace(-2, 2, 161)[density.argmax()] - 0.5) < 0.02
